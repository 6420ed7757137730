// The page of a server's clips: one card for each, and a search box that needs no server. Times are
// in seconds; a clip's tags are [name's index, score, [[start, end], …]].
const { names, clips, words } = JSON.parse(document.getElementById("library").textContent);
const MOST_ROWS = 6;
const language = document.documentElement.lang;

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// Strangers' words may be written in another direction than the page.
const isolated = (text) => make("bdi", { dir: "auto" }, text);

function clock(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

const score = (value) => (value >= 1 ? "1.0" : `.${String(Math.floor(value * 100 + 1e-9)).padStart(2, "0")}`);

function plain(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

// Words that must all be there, and those that must not: cat "hot dog" -piano
function parsed(query) {
  const found = [...query.matchAll(/(-?)(?:["“„«]([^"”“»]*)["”“»]?|([^\s"“„«]+))/gu)];
  const terms = found.map(([, minus, quoted, bare]) => ({ word: plain(quoted ?? bare).trim(), excluded: minus === "-" }));
  return terms.filter((term) => term.word);
}

function stillsOf(clip) {
  const stills = clip.stills.map(([second, picture]) => {
    const image = make("img", { src: `data:image/jpeg;base64,${picture}`, alt: "", loading: "lazy" });
    return make("li", {}, image, make("span", {}, clock(second)));
  });
  return make("ul", { className: "stills", hidden: !stills.length }, ...stills);
}

function rowOf(clip, [name, best, segments]) {
  const label = make("dt", {}, isolated(names[name]), ` ${score(best)}`);
  const ranges = segments.map(([start, end]) => `${clock(start)}–${clock(end)}`).join(", ");
  const bars = make("dd", { title: ranges });
  bars.setAttribute("aria-label", ranges);
  for (const [start, end] of segments) {
    const bar = make("i");
    bar.style.left = `${(100 * start) / clip.seconds}%`;
    bar.style.width = `${(100 * (end - start)) / clip.seconds}%`;
    bars.append(bar);
  }
  return { label, bars, words: plain(names[name]) };
}

function cardOf(clip) {
  const posted = new Date(clip.posted * 1000).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
  const link = make("a", { href: clip.link, rel: "noreferrer", textContent: words.open });
  const facts = make("span", { className: "facts" }, isolated(clip.channel), ` · ${posted} · ${clock(clip.seconds)}`);
  const rows = clip.tags.map((tag) => rowOf(clip, tag));
  const list = make("dl", { className: "rows", hidden: !rows.length });
  for (const row of rows) list.append(row.label, row.bars);
  const more = make("button", { type: "button", textContent: words.more, hidden: true });
  const lines = clip.text.map(([start, text]) => ({
    element: make("li", {}, make("span", {}, clock(start)), isolated(text)),
    words: plain(text),
  }));
  const element = make(
    "li",
    {},
    make("div", { className: "title" }, make("h2", {}, isolated(clip.name)), facts, link),
    make("p", { className: "sentence", dir: "auto", textContent: clip.sentence }),
    stillsOf(clip),
    list,
    more,
    make("ul", { className: "text", hidden: !lines.length }, ...lines.map((line) => line.element)),
  );
  const rest = plain([clip.name, clip.channel, clip.sentence].join("\n"));
  const card = { element, rows, lines, more, rest, open: false };
  more.addEventListener("click", () => {
    card.open = true;
    showRows(card, []);
  });
  return card;
}

// Tags that were searched for are always shown; of the others, the first few.
function showRows(card, terms) {
  let shown = 0;
  for (const row of card.rows) {
    const isHit = terms.some((term) => !term.excluded && row.words.includes(term.word));
    const isShown = card.open || isHit || shown < MOST_ROWS;
    shown += isShown ? 1 : 0;
    row.label.classList.toggle("hit", isHit);
    row.label.hidden = row.bars.hidden = !isShown;
  }
  card.more.hidden = shown === card.rows.length;
  for (const line of card.lines) {
    line.element.classList.toggle("hit", terms.some((term) => !term.excluded && line.words.includes(term.word)));
  }
}

function holds(card, { word, excluded }) {
  const every = [...card.rows, ...card.lines];
  return (card.rest.includes(word) || every.some((part) => part.words.includes(word))) !== excluded;
}

const cards = clips.map(cardOf);
document.getElementById("clips").append(...cards.map((card) => card.element));
const search = document.getElementById("search");

function filter() {
  const terms = parsed(search.value);
  let count = 0;
  for (const card of cards) {
    const isShown = terms.every((term) => holds(card, term));
    card.element.hidden = !isShown;
    if (isShown) {
      count++;
      showRows(card, terms);
    }
  }
  const number = (value) => value.toLocaleString(language);
  document.getElementById("count").textContent = words.count
    .replace("{shown}", number(count))
    .replace("{all}", number(cards.length));
  document.getElementById("nothing").hidden = count > 0 || !cards.length;
}

search.addEventListener("input", filter);
filter();
