const MOST_ROWS = 60;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

const tagging = JSON.parse(byId("tagging").textContent);
const { words, names } = tagging;
const length = tagging.seconds.length;
const folded = names.map(fold);
const clip = byId("clip");
const video = clip instanceof HTMLVideoElement ? clip : null;
const notice = byId("notice").textContent;
const timeline = byId("timeline");
const filter = byId("filter");
const slider = byId("threshold");

const texts = [...document.querySelectorAll("#text button")];

let threshold = tagging.threshold;
let limits = tagging.limits; // until the slider sets one threshold for all models
let segments = [];
let every = false;

function byId(id) {
  return document.getElementById(id);
}

function make(kind, properties = {}, ...children) {
  const element = Object.assign(document.createElement(kind), properties);
  element.append(...children);
  return element;
}

function fill(sentence, facts) {
  return sentence.replace(/\{(\w+)\}/g, (_, fact) => facts[fact]);
}

function fold(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

function clock(second) {
  const pad = (part) => String(part).padStart(2, "0");
  const [hours, minutes, seconds] = [Math.floor(second / 3600), Math.floor(second / 60) % 60, second % 60];
  return hours ? `${hours}:${pad(minutes)}:${pad(seconds)}` : `${minutes}:${pad(seconds)}`;
}

function range(segment) {
  return `${clock(segment.start)}–${clock(segment.end)}`;
}

// Cut rather than rounded: .999 is not yet 1.
function figure(score) {
  const hundredths = Math.floor(score * 100 + 1e-9);
  return hundredths >= 100 ? "1.0" : `.${String(hundredths).padStart(2, "0")}`;
}

function colour(score) {
  // A second that was bridged may be below the threshold.
  const sure = Math.max(0, Math.round((100 * (score - threshold)) / (1 - threshold)));
  return `color-mix(in oklch, var(--sure) ${sure}%, var(--unsure))`;
}

function colours(scores) {
  const stops = scores.map((score, at) => `${colour(score)} ${(100 * at) / scores.length}% ${(100 * (at + 1)) / scores.length}%`);
  return `linear-gradient(90deg, ${stops.join(", ")})`;
}

function playFrom(second) {
  if (!video) return;
  video.currentTime = second;
  video.play().catch(() => {}); // its error event says more
}

// The threshold, or the range of several models' thresholds.
function level() {
  const all = limits.length ? limits : [threshold];
  const [low, high] = [Math.min(...all), Math.max(...all)].map((each) => String(Number(each.toFixed(4))));
  return low === high ? low : `${low}–${high}`;
}

function draw() {
  segments = segmentsOf(tagging.seconds, threshold, tagging.smoothing, limits);
  const all = rowsOf(segments);
  const wanted = fold(filter.value.trim());
  const found = all.filter((row) => folded[row.tag].includes(wanted));
  const shown = every ? found : found.slice(0, MOST_ROWS);
  byId("rows").replaceChildren(...shown.map(drawRow));
  for (const text of texts) text.parentElement.hidden = !fold(text.textContent).includes(wanted);
  byId("more").hidden = shown.length === found.length;
  byId("level").textContent = level();
  const facts = { shown: found.length, all: names.length, above: byId("level").textContent };
  const sentence = !all.length ? words.nothing : found.length ? words.count : words.noMatch;
  byId("count").textContent = fill(sentence, facts);
  follow();
}

function drawRow(row) {
  const shown = names[row.tag];
  const first = row.segments[0];
  const said = `${shown} ${row.segments.map(range).join(", ")}`;
  const name = make("button", { type: "button", className: "name", dir: "auto", title: said, textContent: shown });
  name.addEventListener("click", () => playFrom(first.start));
  const track = make("div", { className: "track" }, ...row.segments.map((segment, at) => drawRange(segment, shown, at)));
  track.addEventListener("click", (event) => {
    if (event.target === track) playFrom(secondAt(event, track));
  });
  const score = make("span", { className: "score", textContent: figure(row.best) });
  const item = make("li", {}, name, track, score);
  item.segments = row.segments;
  return item;
}

function drawRange(segment, name, at) {
  const model = tagging.models[segment.model];
  const said = `${name} ${range(segment)} ${figure(segment.score)}${model ? ` · ${model}` : ""}`;
  const button = make("button", { type: "button", title: said, ariaLabel: said, tabIndex: at ? -1 : 0 });
  button.style.left = `${(100 * segment.start) / length}%`;
  button.style.width = `${(100 * (segment.end - segment.start)) / length}%`;
  button.style.background = colours(segment.scores);
  button.addEventListener("click", () => playFrom(segment.start));
  button.segment = segment;
  return button;
}

function secondAt(event, track) {
  const { left, width } = track.getBoundingClientRect();
  return Math.max(0, ((event.clientX - left) / width) * length);
}

function drawAxis() {
  const room = (innerWidth < 640 ? 5 : 9) - (length < 3600 ? 0 : 2); // 1:02:03 is wider
  const step = STEPS.find((each) => length / each <= room) ?? 3600;
  const axis = make("div");
  for (let second = 0; second <= length; second += step) {
    const mark = make("span", { textContent: clock(second), className: second > length - step / 2 ? "last" : "" });
    mark.style.left = `${(100 * second) / length}%`;
    axis.append(mark);
  }
  axis.addEventListener("click", (event) => playFrom(secondAt(event, axis)));
  byId("axis").replaceChildren(axis);
}

function drawStrip() {
  for (const [second, picture] of tagging.thumbnails) {
    const image = make("img", { src: `data:image/jpeg;base64,${picture}`, alt: "" });
    const button = make("button", { type: "button" }, image, make("span", { textContent: clock(second) }));
    button.addEventListener("click", () => playFrom(second));
    byId("strip").append(button);
  }
  byId("strip").hidden = !tagging.thumbnails.length;
}

// The playhead, and what is seen right now.
function follow() {
  if (!video) return;
  const now = video.currentTime;
  timeline.style.setProperty("--at", Math.min(1, now / length));
  const current = (segment) => segment.start <= now && now < segment.end;
  for (const text of texts) text.classList.toggle("seen", current({ start: Number(text.dataset.start), end: Number(text.dataset.end) }));
  for (const item of byId("rows").children) {
    item.classList.toggle("seen", item.segments.some(current));
    for (const button of item.querySelectorAll(".track button")) button.classList.toggle("seen", current(button.segment));
  }
}

function everyFrame() {
  follow();
  if (!video.paused) requestAnimationFrame(everyFrame);
}

function offerFile(sentence) {
  byId("notice").textContent = sentence;
  byId("choose").hidden = false;
}

function open(file) {
  byId("notice").textContent = notice;
  clip.src = URL.createObjectURL(file);
  clip.hidden = false;
}

function toggle() {
  if (video.paused) video.play().catch(() => {});
  else video.pause();
}

// To the next moment something begins, or the last one before this.
function jump(forward) {
  const starts = [...new Set(segments.map((segment) => segment.start))];
  const now = video.currentTime;
  const next = forward ? starts.find((start) => start > now + 0.01) : starts.findLast((start) => start < now - 0.5);
  if (next !== undefined) video.currentTime = next;
}

// From a range to its neighbour in the row, or to the nearest one of the row above or below.
function move(button, key) {
  const row = button.closest("li");
  if (key === "ArrowLeft" || key === "ArrowRight") {
    return key === "ArrowLeft" ? button.previousElementSibling : button.nextElementSibling;
  }
  const other = key === "ArrowUp" ? row.previousElementSibling : row.nextElementSibling;
  const far = (each) => Math.abs(each.segment.start - button.segment.start);
  return other && [...other.querySelectorAll(".track button")].reduce((best, each) => (far(each) < far(best) ? each : best));
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || byId("keys").open) return;
  const { key, target } = event;
  if (target === filter) {
    if (key === "Escape") {
      filter.value = "";
      filter.blur();
      draw();
    }
  } else if (key === "/") {
    event.preventDefault();
    filter.focus();
  } else if (key === "?") {
    byId("keys").showModal();
  } else if (target.segment && key.startsWith("Arrow")) {
    event.preventDefault();
    const next = move(target, key);
    if (next) focusOn(next);
  } else if (video && plays(target)) {
    if (key === " ") {
      event.preventDefault();
      toggle();
    } else if (key === "ArrowLeft" || key === "ArrowRight") {
      event.preventDefault();
      jump(key === "ArrowRight");
    }
  }
}

// The clip's own controls, the slider and the other buttons know their keys themselves.
function plays(target) {
  return target === document.body || target.closest("#rows, #strip, #text");
}

function focusOn(button) {
  for (const each of button.parentElement.children) each.tabIndex = each === button ? 0 : -1;
  button.focus();
}

filter.addEventListener("input", draw);
slider.min = String(tagging.minScore);
slider.value = String(threshold);
slider.addEventListener("input", () => {
  threshold = Number(slider.value);
  limits = [];
  draw();
});
for (const text of texts) text.addEventListener("click", () => playFrom(Number(text.dataset.start)));
byId("more").textContent = words.more;
byId("more").addEventListener("click", () => {
  every = true;
  draw();
});
byId("help").addEventListener("click", () => byId("keys").showModal());
byId("close").addEventListener("click", () => byId("keys").close());
byId("choose").addEventListener("change", (event) => open(event.target.files[0]));
document.addEventListener("keydown", onKey);
document.addEventListener("keyup", (event) => {
  // Firefox presses a button as the space bar comes up.
  if (event.key === " " && event.target.closest?.("#rows, #strip, #text")) event.preventDefault();
});
addEventListener("resize", drawAxis);
if (video) {
  video.addEventListener("play", everyFrame);
  for (const event of ["timeupdate", "seeking", "seeked"]) video.addEventListener(event, follow);
}
clip.addEventListener("error", () => offerFile(words.unplayable));
if (!clip.getAttribute("src")) offerFile(words.missing);
else if (video ? video.error : clip.complete && !clip.naturalWidth) offerFile(words.unplayable);
timeline.classList.toggle("plays", Boolean(video));
drawStrip();
drawAxis();
draw();
