// One frame at a time: its picture, and a mask that is opaque where the face shows.
"use strict";

const MOST_UNDONE = 12;
const SAID = {
  painted: "painted",
  between: "not painted: carried from the masks around it",
  outline: "not painted: the outline of the face",
  none: "not painted: no face is known here",
};
const at = (id) => document.getElementById(id);
const token = location.hash.slice(1);
const mask = document.createElement("canvas");
const layers = [at("picture"), at("overlay"), mask];
const brush = mask.getContext("2d", { willReadFrequently: true });
let target = { frames: 0, painted: [] };
let frame = 0, origin = "none", changed = false, erasing = false, hidden = false, zoom = 1;
let undone = [], last = null, asked = 0;

async function ask(place, options = {}) {
  const answer = await fetch(place, { ...options, headers: { "X-Facepipe-Token": token } });
  if (!answer.ok) throw new Error(await answer.text());
  return answer;
}

function say(text, kind = "") {
  at("state").textContent = text;
  at("state").className = kind;
}

// Whatever fails is said, and the page stays as it was.
const tried = (work) => async (...given) => {
  try { await work(...given); } catch (error) { say(error.message, "failed"); }
};

function told() {
  say(changed ? "not saved" : SAID[origin], changed ? "unsaved" : "");
  at("undo").disabled = !undone.length;
  at("save").disabled = !changed && origin === "painted";
  at("delete").disabled = !target.painted.includes(frame);
  at("previous").disabled = !target.painted.some((other) => other < frame);
  at("next").disabled = !target.painted.some((other) => other > frame);
}

function marked() {
  at("marks").replaceChildren(...target.painted.filter((other) => other < target.frames).map((other) => {
    const mark = document.createElement("i");
    mark.style.left = `${100 * other / Math.max(target.frames - 1, 1)}%`;
    return mark;
  }));
}

const open = tried(async (wanted) => {
  const number = Math.min(Math.max(Math.round(wanted) || 0, 0), target.frames - 1);
  at("slider").value = at("number").value = frame;
  if (changed && !confirm(`Frame ${frame} is not saved. Leave it as it was?`)) return;
  const turn = ++asked;
  const [picture, found] = await Promise.all([ask(`/api/frames/${number}`), ask(`/api/masks/${number}`)]);
  const [shown, laid] = await Promise.all([picture.blob().then(createImageBitmap), found.blob().then(createImageBitmap)]);
  if (turn !== asked) return; // another frame was asked for meanwhile
  for (const layer of layers) [layer.width, layer.height] = [shown.width, shown.height];
  at("picture").getContext("2d").drawImage(shown, 0, 0);
  brush.drawImage(laid, 0, 0);
  const pixels = brush.getImageData(0, 0, mask.width, mask.height);
  for (let place = 0; place < pixels.data.length; place += 4) pixels.data[place + 3] = pixels.data[place];
  brush.putImageData(pixels, 0, 0);
  [frame, origin, changed, undone] = [number, found.headers.get("X-Facepipe-Mask"), false, []];
  at("slider").value = at("number").value = frame;
  fit();
  tinted();
  told();
});

function fit() {
  const stage = at("stage"), sheet = at("sheet");
  const scale = zoom * Math.min(stage.clientWidth / mask.width, stage.clientHeight / mask.height);
  sheet.style.width = `${mask.width * scale}px`;
  sheet.style.height = `${mask.height * scale}px`;
}

function tinted() {
  const overlay = at("overlay").getContext("2d");
  overlay.globalCompositeOperation = "source-over";
  overlay.clearRect(0, 0, mask.width, mask.height);
  if (hidden) return;
  overlay.globalAlpha = at("tint").value / 100;
  overlay.fillStyle = "#2ee66b";
  overlay.fillRect(0, 0, mask.width, mask.height);
  overlay.globalAlpha = 1;
  overlay.globalCompositeOperation = "destination-in";
  overlay.drawImage(mask, 0, 0);
}

function spot(event) {
  const box = at("overlay").getBoundingClientRect();
  return [(event.clientX - box.left) * mask.width / box.width, (event.clientY - box.top) * mask.height / box.height];
}

function stroke(event) {
  const here = spot(event);
  brush.globalCompositeOperation = erasing ? "destination-out" : "source-over";
  brush.strokeStyle = "#fff";
  brush.lineCap = "round";
  brush.lineWidth = Number(at("size").value);
  brush.beginPath();
  brush.moveTo(...last);
  brush.lineTo(...here);
  brush.stroke();
  last = here;
  tinted();
}

function begin(event) {
  if (event.button !== 0) return;
  at("overlay").setPointerCapture(event.pointerId);
  const before = document.createElement("canvas");
  [before.width, before.height] = [mask.width, mask.height];
  before.getContext("2d").drawImage(mask, 0, 0);
  undone = [...undone, [before, changed]].slice(-MOST_UNDONE);
  changed = true;
  last = spot(event);
  stroke(event);
  told();
}

function undo() {
  if (!undone.length) return;
  const [before, was] = undone.pop();
  brush.globalCompositeOperation = "copy";
  brush.drawImage(before, 0, 0);
  changed = was;
  tinted();
  told();
}

const save = tried(async () => {
  const [number, flat] = [frame, document.createElement("canvas")];
  [flat.width, flat.height] = [mask.width, mask.height];
  const paper = flat.getContext("2d");
  paper.fillRect(0, 0, flat.width, flat.height);
  paper.drawImage(mask, 0, 0);
  const png = await new Promise((done) => flat.toBlob(done, "image/png"));
  target.painted = (await (await ask(`/api/masks/${number}`, { method: "PUT", body: png })).json()).painted;
  [origin, changed] = ["painted", false];
  undone = undone.map(([before]) => [before, true]);
  marked();
  told();
});

const forget = tried(async () => {
  if (!target.painted.includes(frame) || !confirm(`Delete the mask of frame ${frame}?`)) return;
  target.painted = (await (await ask(`/api/masks/${frame}`, { method: "DELETE" })).json()).painted;
  changed = false;
  marked();
  open(frame);
});

function hold(eraser) {
  erasing = eraser;
  at("brush").setAttribute("aria-pressed", String(!eraser));
  at("eraser").setAttribute("aria-pressed", String(eraser));
}

function painted(way) {
  const others = target.painted.filter((other) => way * (other - frame) > 0);
  if (others.length) open(way > 0 ? Math.min(...others) : Math.max(...others));
}

function grown(factor) {
  const size = at("size");
  size.value = factor > 1 ? Math.ceil(size.value * factor) : Math.floor(size.value * factor);
}

const KEYS = {
  b: () => hold(false), e: () => hold(true), z: undo, s: save, Delete: forget, h: () => hide(true),
  "[": () => grown(1 / 1.25), "]": () => grown(1.25),
  ArrowLeft: (event) => event.shiftKey ? painted(-1) : open(frame - 1),
  ArrowRight: (event) => event.shiftKey ? painted(1) : open(frame + 1),
};

function hide(now) {
  hidden = now;
  tinted();
}

const press = { previous: () => painted(-1), next: () => painted(1), back: () => open(frame - 1), forward: () => open(frame + 1), brush: () => hold(false), eraser: () => hold(true), undo, save, delete: forget };
for (const [id, work] of Object.entries(press)) at(id).addEventListener("click", () => work());
at("slider").addEventListener("change", (event) => open(event.target.value));
at("number").addEventListener("change", (event) => open(event.target.value));
at("tint").addEventListener("input", tinted);
at("overlay").addEventListener("pointerdown", begin);
at("overlay").addEventListener("pointermove", (event) => last && stroke(event));
for (const end of ["pointerup", "pointercancel"]) at("overlay").addEventListener(end, () => { last = null; });
at("stage").addEventListener("wheel", (event) => {
  event.preventDefault();
  const [stage, before] = [at("stage"), spot(event)];
  zoom = Math.min(Math.max(zoom * (event.deltaY < 0 ? 1.2 : 1 / 1.2), 1), 16);
  fit();
  const box = at("overlay").getBoundingClientRect();
  stage.scrollLeft += box.left + before[0] * box.width / mask.width - event.clientX;
  stage.scrollTop += box.top + before[1] * box.height / mask.height - event.clientY;
}, { passive: false });
addEventListener("keydown", (event) => {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.target.id === "number" || !(key in KEYS) || (event.ctrlKey && key !== "z" && key !== "s")) return;
  event.preventDefault();
  KEYS[key](event);
});
addEventListener("keyup", (event) => event.key.toLowerCase() === "h" && hide(false));
addEventListener("resize", fit);
addEventListener("beforeunload", (event) => changed && event.preventDefault());

tried(async () => {
  target = await (await ask("/api/target")).json();
  document.title = `${target.name} - facepipe annotate`;
  at("name").textContent = target.name;
  at("last").textContent = target.frames - 1;
  at("slider").max = at("number").max = target.frames - 1;
  marked();
  await open(target.painted[0] ?? 0);
})();
