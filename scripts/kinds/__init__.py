"""Makes bot/taggers/local/data/kinds.npz, the classifier of kinds of clips, from free programs.

    uv run --group models python -m scripts.kinds.record FOLDER    # as root, on Debian
    uv run --group models python -m scripts.kinds.draw FOLDER
    uv run --group models python -m scripts.kinds.train FOLDER

The first two collect pictures: FOLDER/KIND/SOURCE/*.png, where a source is a program, or a package
of photographs or drawings (``sources``). Its pictures are about a second apart. They are not in
this repository, and recordings of programs differ from run to run.

The third makes clips of them as people post them (``clips``), judges each source by a classifier
that never saw it, prints how many frames were right, trains on all but the sources that
``benchmarks/quality_kinds.py`` reports on, and writes the weights.
"""
