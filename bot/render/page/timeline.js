// The same as bot/domain/timeline.py; tests/render/test_page.py checks that both give the same
// segments. A second is a list of [tag, score, model]; tags and models are indices. `limits` has the
// models' own thresholds, if there are several models and no other threshold was asked for.
function segmentsOf(seconds, threshold, smoothing, limits = []) {
  const aboveHalf = new Map();
  seconds.forEach((concepts, second) => {
    for (const [tag, score, model] of concepts) {
      const limit = limits[model] ?? threshold;
      if (score > limit / 2) {
        if (!aboveHalf.has(tag)) aboveHalf.set(tag, new Map());
        const seen = aboveHalf.get(tag);
        const found = { score, model, above: score > limit };
        if (!seen.has(second) || isSurer(found, seen.get(second))) seen.set(second, found);
      }
    }
  });
  const segments = [];
  for (const [tag, seen] of aboveHalf) {
    for (const run of runsOf(seen, smoothing.gap)) {
      if (run.seen.length >= smoothing.shortest) {
        const end = run.start + run.seen.length;
        const best = run.seen.reduce((best, each) => (each.score > best.score ? each : best));
        const scores = run.seen.map((each) => each.score);
        segments.push({ tag, start: run.start, end, score: best.score, model: best.model, scores });
      }
    }
  }
  return segments.sort((a, b) => a.start - b.start || b.score - a.score || a.tag - b.tag);
}

// Of several models' scores, one above its own threshold counts before one that isn't.
function isSurer(found, known) {
  return found.above === known.above ? found.score > known.score : found.above;
}

// A run bridges dips of at most `gap` seconds that are all above half the threshold.
function runsOf(seen, gap) {
  const runs = [];
  let run = null;
  for (const [second, each] of seen) {
    if (!each.above) continue;
    const end = run ? run.start + run.seen.length : second;
    if (!run || !isDip(seen, end, second, gap)) {
      run = { start: second, seen: [] };
      runs.push(run);
    } else {
      for (let dip = end; dip < second; dip++) run.seen.push(seen.get(dip));
    }
    run.seen.push(each);
  }
  return runs;
}

function isDip(seen, start, end, gap) {
  if (end - start > gap) return false;
  for (let second = start; second < end; second++) if (!seen.has(second)) return false;
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
