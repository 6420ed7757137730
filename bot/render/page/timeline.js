// The same as bot/domain/timeline.py; tests/render/test_page.py checks that both give the same
// segments. A second is a list of [tag, score]; a tag is its index in the list of names.
function segmentsOf(seconds, threshold, smoothing) {
  const aboveHalf = new Map();
  seconds.forEach((concepts, second) => {
    for (const [tag, score] of concepts) {
      if (score > threshold / 2) {
        if (!aboveHalf.has(tag)) aboveHalf.set(tag, new Map());
        aboveHalf.get(tag).set(second, score);
      }
    }
  });
  const segments = [];
  for (const [tag, scored] of aboveHalf) {
    for (const run of runsOf(scored, threshold, smoothing.gap)) {
      if (run.scores.length >= smoothing.shortest) {
        const end = run.start + run.scores.length;
        const score = run.scores.reduce((best, each) => Math.max(best, each));
        segments.push({ tag, start: run.start, end, score, scores: run.scores });
      }
    }
  }
  return segments.sort((a, b) => a.start - b.start || b.score - a.score || a.tag - b.tag);
}

// A run bridges dips of at most `gap` seconds that are all above half the threshold.
function runsOf(scored, threshold, gap) {
  const runs = [];
  let run = null;
  for (const [second, score] of scored) {
    if (score <= threshold) continue;
    const end = run ? run.start + run.scores.length : second;
    if (!run || !isDip(scored, end, second, gap)) {
      run = { start: second, scores: [] };
      runs.push(run);
    } else {
      for (let each = end; each < second; each++) run.scores.push(scored.get(each));
    }
    run.scores.push(score);
  }
  return runs;
}

function isDip(scored, start, end, gap) {
  if (end - start > gap) return false;
  for (let second = start; second < end; second++) if (!scored.has(second)) return false;
  return true;
}

// One row per tag, by highest score, then by number of seconds.
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
