"""Makes bot/taggers/data/names.tsv: what people call each of ImageNet's 1000 classes.

Needs WordNet's noun files (Debian's ``wordnet-base``) and the classes' synsets in the order of the
model's outputs (``wnids/Imagenet1000.txt`` of the PyPI package ``nbdt``):

    python scripts/make_hierarchy.py /usr/share/wordnet path/to/Imagenet1000.txt

For each class the file has one line: its own name, ``fine`` or ``plain``, and the everyday names
above it, nearest first. A ``fine`` name is a breed or a variety, which most people would not use.
"""

from __future__ import annotations

import sys
from pathlib import Path

OUT = Path(__file__).parent.parent / "bot" / "taggers" / "data" / "names.tsv"

# Nodes people say, as WordNet's lemma with its sense where that is not the first one; ``=`` gives
# the name people use where it is another one. Below a node marked ``!`` the classes are fine.
EVERYDAY = """
animal dog! cat=true_cat! wild_cat=big_cat wolf! fox! bear! monkey! ape! elephant! horse#1
cow=bovine! sheep#1! goat! pig=swine! deer=ruminant! rabbit=leporid! rodent! squirrel! camel!
whale=cetacean! seal#9! marsupial! weasel=mustelid! lemur! bird! owl! parrot! duck! eagle#1!
penguin! swan! fish! shark! ray#7! salamander! frog! turtle=chelonian! lizard!
crocodile=crocodilian! snake! dinosaur! spider! crab! insect! beetle! butterfly!
dragonfly=odonate! fly=dipterous_insect! grasshopper=orthopterous_insect! worm!
starfish=echinoderm! shellfish=crustacean! person vehicle car! truck! bus! train=locomotive!
bicycle! motorcycle! boat! ship! sailboat=sailing_vessel! airplane! aircraft
tank=military_vehicle! spacecraft cart=wagon! warship! food fruit! vegetable! bread! dessert!
drink=beverage sandwich! soup mushroom=fungus! flower! plant furniture chair! table#2! bed! sofa
cabinet! lamp! seat clothing=clothing#1 hat! shoe! dress#1! swimsuit! coat! sweater!
headgear=headdress glove! jewelry=jewelry necktie building house#1! tower bridge! fence!
shop=mercantile_establishment! musical_instrument guitar! piano! flute=woodwind!
trumpet=brass#2! stringed_instrument tool weapon! gun! knife! computer! keyboard=keyboard#1
screen=display#6 telephone! camera! clock! watch! machine electronic_equipment
household_appliance=home_appliance kitchen_appliance measuring_instrument bottle! cup! bag! box!
pot#1! basket! bucket=vessel#3 cooking_utensil cutlery=cutlery#1 ball! toy! game_equipment
sports_equipment mountain! seashore=shore coast! geological_formation rope=cord#1 curtain
medical_instrument scientific_instrument optical_instrument
"""

# What WordNet or ImageNet call by a word that means something else to people.
OWN_NAMES = {
    "n02012849": "crane (bird)",
    "n03126707": "crane (machine)",
    "n02113186": "Cardigan corgi",
    "n02963159": "cardigan",
    "n03710637": "swimsuit",
    "n03710721": "swimsuit",
    "n02395406": "pig",
    "n04008634": "rocket",
    "n03773504": "missile",
    "n04152593": "computer screen",
    "n03642806": "laptop",
    "n06359193": "website",
    "n06596364": "comic book",
    "n07565083": "menu",
    "n10148035": "bridegroom",
    "n09835506": "baseball player",
    "n10565667": "scuba diver",
    "n07920052": "espresso",
    "n07930864": "cup of tea or coffee",
    "n03063599": "coffee mug",
    "n02123045": "tabby cat",
    "n02123159": "tiger cat",
    "n02124075": "Egyptian cat",
    "n03791053": "motor scooter",
    "n04120489": "running shoe",
    "n03595614": "T-shirt",
    "n04356056": "sunglasses",
    "n04355933": "sunglasses",
    "n15075141": "toilet paper",
    "n12057211": "lady's slipper",
    "n11879895": "rapeseed",
    "n11939491": "daisy",
    "n09472597": "volcano",
    "n09193705": "mountain",
    "n09246464": "cliff",
    "n09468604": "valley",
    "n09428293": "seashore",
    "n09421951": "sandbar",
    "n09399592": "headland",
    "n09332890": "lakeside",
    "n09288635": "geyser",
    "n09256479": "coral reef",
    "n09229709": "bubble",
}
# What WordNet's tree says and ImageNet's photographs do not show: a menu is no food to look at.
NOT = {"n07565083": {"food"}, "n04008634": {"weapon"}, "n03773504": {"weapon"}}
# Everyday names ImageNet's photographs show although WordNet's tree does not say so.
ALSO = {
    "n07920052": ["coffee", "drink"],
    "n07930864": ["drink"],
    "n03063599": ["cup", "coffee"],
    "n03791053": ["motorcycle"],
    "n03785016": ["motorcycle"],
    "n10148035": ["person"],
    "n09835506": ["person"],
    "n10565667": ["person"],
    "n04008634": ["spacecraft"],
    "n03773504": ["rocket"],
    "n04266014": ["rocket"],
    "n09193705": ["landscape"],
    "n09472597": ["mountain", "landscape"],
    "n09246464": ["landscape"],
    "n09468604": ["landscape"],
    "n09428293": ["sea", "landscape"],
    "n09421951": ["sea", "landscape"],
    "n09399592": ["sea", "landscape"],
    "n09332890": ["lake", "landscape"],
    "n11879895": ["flower", "plant"],
    "n11939491": ["flower", "plant"],
    "n12057211": ["flower", "plant"],
}


def main(wordnet: Path, classes: Path) -> None:
    """Write one line a class."""
    synsets = Synsets(wordnet)
    everyday = synsets.everyday()
    lines = [_line(wnid, synsets, everyday) for wnid in classes.read_text().split()]
    OUT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    used = {name for line in lines for name in line.split("\t")[2].split("|")}
    print("unused:", sorted({name for name, _ in everyday.values()} - used))
    print("with no everyday name:", sum(line.endswith("\t") for line in lines))


class Synsets:
    """WordNet's nouns: https://wordnet.princeton.edu/documentation/wndb5wn."""

    def __init__(self, folder: Path) -> None:
        self.words: dict[str, str] = {}
        self.above: dict[str, list[str]] = {}
        self.senses: dict[str, list[str]] = {}
        for line in (folder / "data.noun").read_text().splitlines():
            if not line.startswith(" "):
                self._read(line.split(" | ")[0].split())
        for line in (folder / "index.noun").read_text().splitlines():
            if not line.startswith(" "):
                fields = line.split()
                self.senses[fields[0]] = [f"n{o}" for o in fields[-int(fields[2]) :]]

    def _read(self, fields: list[str]) -> None:
        synset = f"n{fields[0]}"
        count = int(fields[3], 16)
        self.words[synset] = fields[4].replace("_", " ")
        pointers = fields[4 + 2 * count + 1 :]
        self.above[synset] = [
            f"n{pointers[at + 1]}" for at, symbol in enumerate(pointers) if symbol in {"@", "@i"}
        ]

    def everyday(self) -> dict[str, tuple[str, bool]]:
        """Return synset → (name, whether what is below it is fine)."""
        found = {}
        for entry in EVERYDAY.split():
            fine = entry.endswith("!")
            name, _, lemma = entry.rstrip("!").partition("=")
            word, _, sense = (lemma or name).partition("#")
            senses = self.senses.get(word)
            if senses is None:
                print("not a noun:", word)
                continue
            shown = name.partition("#")[0].replace("_", " ")
            found[senses[int(sense or 1) - 1]] = (shown, fine)
        return found

    def ancestors(self, synset: str) -> list[str]:
        """Return every synset above, nearest first."""
        seen: list[str] = []
        waiting = list(self.above[synset])
        while waiting:
            nearest = waiting.pop(0)
            if nearest not in seen:
                seen.append(nearest)
                waiting.extend(self.above[nearest])
        return seen


def _line(wnid: str, synsets: Synsets, everyday: dict[str, tuple[str, bool]]) -> str:
    own = OWN_NAMES.get(wnid, synsets.words[wnid])
    chain = [everyday[s] for s in synsets.ancestors(wnid) if s in everyday]
    if wnid in everyday:
        own = everyday[wnid][0]
    fine = any(is_fine for _, is_fine in chain)
    names = [*ALSO.get(wnid, []), *(name for name, _ in chain)]
    unique = [name for name in dict.fromkeys(names) if name not in {own, *NOT.get(wnid, ())}]
    return f"{own}\t{'fine' if fine else 'plain'}\t{'|'.join(unique)}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
