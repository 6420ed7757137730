// What bot/domain/timeline.py does with raw concepts; tests/render/test_page.py holds the two to
// the same answers. A second is a list of [tag, score], a tag a number in the order of names.
function segmentsOf(seconds, threshold, flicker) {
  const passed = new Map();
  seconds.forEach((concepts, second) => {
    for (const [tag, score] of concepts) {
      if (score > threshold) {
        if (!passed.has(tag)) passed.set(tag, []);
        passed.get(tag).push([second, score]);
      }
    }
  });
  const segments = [];
  for (const [tag, scored] of passed) {
    for (const run of joined(scored, flicker.gap)) {
      if (run.scores.length >= flicker.shortest) {
        const end = run.start + run.scores.length;
        const score = run.scores.reduce((best, each) => Math.max(best, each));
        segments.push({ tag, start: run.start, end, score, scores: run.scores });
      }
    }
  }
  return segments.sort((a, b) => a.start - b.start || b.score - a.score || a.tag - b.tag);
}

// A second in a gap counts with the lower score of those around it.
function joined(scored, gap) {
  const runs = [];
  let run = null;
  for (const [second, score] of scored) {
    const missing = run ? second - run.start - run.scores.length : 0;
    if (!run || missing > gap) {
      run = { start: second, scores: [] };
      runs.push(run);
    } else {
      const between = Math.min(run.scores.at(-1), score);
      for (let each = 0; each < missing; each++) run.scores.push(between);
    }
    run.scores.push(score);
  }
  return runs;
}

// A row a tag: the strongest first, the longer seen before the shorter.
function rowsOf(segments) {
  const rows = new Map();
  for (const segment of segments) {
    if (!rows.has(segment.tag)) rows.set(segment.tag, { tag: segment.tag, best: 0, seconds: 0, segments: [] });
    const row = rows.get(segment.tag);
    row.best = Math.max(row.best, segment.score);
    row.seconds += segment.end - segment.start;
    row.segments.push(segment);
  }
  return [...rows.values()].sort((a, b) => b.best - a.best || b.seconds - a.seconds || a.tag - b.tag);
}
