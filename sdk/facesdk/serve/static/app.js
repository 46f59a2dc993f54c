"use strict";
// The page of `facesdk serve`. Text from elsewhere is only ever set as textContent; markup is never made of strings.

const $ = (id) => document.getElementById(id);
const TICKET_BYTES = 8;
const RECENT = 120; // newest frames that the figures are taken of
const FPS_SPAN_MS = 2000;

const token = readToken();
let state = { identities: [], upload_bytes: 32 << 20, pictures: 8 };
let chosenFace = null; // id of the enrolled face that is put on
let seed = 1;
let live = null;

function readToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    // Out of the address bar, so that it is not copied, shown or kept in the history. It lives as long as this tab.
    sessionStorage.setItem("facesdk.token", given);
    history.replaceState(null, "", location.pathname);
  }
  return given || sessionStorage.getItem("facesdk.token") || "";
}
addEventListener("hashchange", () => { if (location.hash.includes("token=")) location.reload(); });

class Refused extends Error {}

async function api(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { ...options.headers, Authorization: `Bearer ${token}` } });
  } catch {
    throw new Refused("The server does not answer.\nIs it still running? Start it again: facesdk serve");
  }
  if (answer.ok) return answer;
  const error = await answer.json().catch(() => ({ what: `The server answered ${answer.status}.`, cure: "" }));
  throw new Refused(sentence(error));
}

function sentence({ what, cure }) {
  const text = what.charAt(0).toUpperCase() + what.slice(1);
  return cure ? `${text}\n${cure}` : text;
}

function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

// Runs work with its button disabled; shows what went wrong in its place.
async function attempt(button, errorPlace, work) {
  errorPlace.textContent = "";
  if (button) button.disabled = true;
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Refused)) console.error(error);
    errorPlace.textContent = error.message;
    return undefined;
  } finally {
    if (button) button.disabled = false;
  }
}

/* Tabs: arrows move between them, as screen readers expect. */
for (const list of document.querySelectorAll('[role="tablist"]')) {
  const tabs = [...list.querySelectorAll('[role="tab"]')];
  const select = (tab) => {
    for (const other of tabs) {
      const on = other === tab;
      other.setAttribute("aria-selected", String(on));
      other.tabIndex = on ? 0 : -1;
      $(other.getAttribute("aria-controls")).hidden = !on;
    }
    tab.dispatchEvent(new Event("chosen"));
  };
  tabs.forEach((tab, number) => {
    tab.addEventListener("click", () => select(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(number + step + tabs.length) % tabs.length];
      next.focus();
      select(next);
    });
  });
}

/* Files by drag and drop, into the input that a label holds. */
for (const drop of document.querySelectorAll(".drop")) {
  const input = drop.querySelector("input");
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change"));
  });
}

function checkSize(files) {
  const bytes = [...files].reduce((sum, file) => sum + file.size, 0);
  if (bytes > state.upload_bytes) {
    throw new Refused(`These files have ${Math.ceil(bytes / 2 ** 20)} MiB; at most ${state.upload_bytes / 2 ** 20} are taken at once.\nChoose fewer or smaller pictures.`);
  }
}

function showBlob(image, blob) {
  if (image.src) URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(blob);
  image.hidden = false;
}

/* 1. A face */
async function refresh(pick) {
  state = await (await api("/api/state")).json();
  $("about").textContent = `· ${state.pack} · ${state.backend}`;
  $("about").title = `facesdk ${state.version}`;
  $("minutes").textContent = Math.round(state.identity_seconds / 60);
  $("tab-nobody").hidden = !state.makes_faces;
  const ids = state.identities.map((face) => face.id);
  chosenFace = pick ?? (ids.includes(chosenFace) ? chosenFace : ids.at(-1) ?? null);
  $("no-faces").hidden = ids.length > 0;
  $("faces").replaceChildren(...state.identities.map(faceRow));
}

function faceRow(face) {
  const image = make("img", { alt: "", width: 44, height: 44 });
  api(`/api/identities/${face.id}/face`).then((answer) => answer.blob()).then((blob) => showBlob(image, blob)).catch(() => {});
  const kind = { self: "own face", given: "agreed", synthetic: "nobody's face" }[face.basis];
  const uses = face.scope.filter((use) => use !== "film").map((use) => (use === "still" ? "pictures" : use)).join(", ");
  const text = make("span", { className: "text" }, make("b", { textContent: face.name }), make("small", { textContent: `${kind} · ${uses}${face.expires ? ` · until ${face.expires}` : ""}` }));
  const pick = make("button", { type: "button", className: "pick", title: face.statement }, image, text);
  pick.setAttribute("aria-pressed", String(face.id === chosenFace));
  pick.addEventListener("click", () => {
    chosenFace = face.id;
    markChosen(pick);
    if (live) {
      live.stop();
      $("live-switch").click();
    }
  });
  const forget = make("button", { type: "button", className: "forget", textContent: "×", title: "Forget this face" });
  forget.setAttribute("aria-label", `Forget ${face.name}`);
  forget.addEventListener("click", () => attempt(forget, $("enrol-error"), async () => {
    await api(`/api/identities/${face.id}`, { method: "DELETE" });
    await refresh();
  }));
  return make("li", {}, pick, forget);
}

function markChosen(chosen) {
  for (const pick of document.querySelectorAll(".pick")) pick.setAttribute("aria-pressed", String(pick === chosen));
}

$("pictures").addEventListener("change", () => {
  $("chosen").replaceChildren(...[...$("pictures").files].map((file) => {
    const image = make("img", { alt: file.name });
    showBlob(image, file);
    return make("li", {}, image);
  }));
});

// Days are counted in UTC, as the server does.
$("expires").min = new Date().toISOString().slice(0, 10);

for (const radio of document.querySelectorAll('input[name="consent"]')) {
  radio.addEventListener("change", () => { $("who-field").hidden = radio.value !== "given"; });
}

$("panel-own").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt($("enrol"), $("enrol-error"), async () => {
    const form = new FormData($("panel-own"));
    const files = $("pictures").files;
    if (!files.length) throw new Refused("Choose at least one picture.");
    checkSize(files);
    const uses = form.getAll("scope");
    form.delete("scope");
    form.append("scope", uses.join(","));
    for (const file of files) form.append("pictures", file);
    const face = await (await api("/api/identities", { method: "POST", body: form })).json();
    $("panel-own").reset();
    $("who-field").hidden = true;
    $("chosen").replaceChildren();
    await refresh(face.id);
  });
});

$("tab-nobody").addEventListener("chosen", () => { if (!$("candidates").children.length) showCandidates(); });
$("others").addEventListener("click", () => { seed += 1; showCandidates(); });

function showCandidates() {
  return attempt($("others"), $("nobody-error"), async () => {
    const made = await (await api(`/api/faces?seed=${seed}`)).json();
    $("candidates").replaceChildren(...made.faces.map((text, index) => {
      const image = make("img", { alt: `Generated face ${index + 1}` });
      showBlob(image, new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], { type: "image/png" }));
      const button = make("button", { type: "button" }, image);
      button.addEventListener("click", () => attempt(button, $("nobody-error"), async () => {
        const face = await (await api(`/api/faces/${made.seed}/${index}`, { method: "POST" })).json();
        await refresh(face.id);
      }));
      return button;
    }));
  });
}

function needFace() {
  if (!chosenFace) throw new Refused("Enrol or pick a face first.");
  return chosenFace;
}

/* 2. A picture */
$("target").addEventListener("change", () => {
  const [file] = $("target").files;
  if (!file) return;
  showBlob($("target-image"), file);
  $("drop-target").classList.add("filled");
  $("result-image").hidden = true;
  $("result-pane").classList.remove("filled");
  $("download").hidden = true;
  $("picture-facts").textContent = $("picture-error").textContent = "";
});

$("swap").addEventListener("click", () => attempt($("swap"), $("picture-error"), async () => {
  const [file] = $("target").files;
  const identity = needFace();
  if (!file) throw new Refused("Choose a picture first.");
  checkSize([file]);
  $("result-pane").classList.add("busy");
  try {
    const form = new FormData();
    form.append("picture", file);
    const query = new URLSearchParams({ identity, faces: $("picture-faces").value, format: "png" });
    const answer = await api(`/api/swap?${query}`, { method: "POST", body: form });
    const report = JSON.parse(answer.headers.get("x-facesdk-report"));
    const image = $("result-image");
    showBlob(image, await answer.blob());
    $("download").href = image.src;
    $("download").hidden = false;
    $("result-pane").classList.add("filled");
    const marks = report.marks.join(", ");
    $("picture-facts").textContent = `${report.swapped} of ${report.faces} ${report.faces === 1 ? "face" : "faces"} · ${report.total_ms.toFixed(0)} ms · marked ${marks}`;
  } finally {
    $("result-pane").classList.remove("busy");
  }
}));

/* 3. Live */
$("live-switch").addEventListener("click", () => {
  if (live) live.stop();
  else attempt($("live-switch"), $("live-error"), startLive);
});

async function startLive() {
  const identity = needFace();
  if (!navigator.mediaDevices) throw new Refused("This browser gives no camera to this page.\nOpen the address with 127.0.0.1 or localhost.");
  const [width, height] = $("live-size").value.split("x").map(Number);
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: width }, height: { ideal: height } }, audio: false });
  } catch (error) {
    const cure = { NotAllowedError: "Allow the camera for this page in the browser.", NotFoundError: "Connect a camera.", NotReadableError: "Close the program that uses it." };
    throw new Refused(`The camera cannot be opened (${error.name}).\n${cure[error.name] ?? "Try another browser."}`);
  }
  live = new Live(stream, identity, $("live-faces").value);
}

class Live {
  constructor(stream, identity, faces) {
    this.stream = stream;
    this.video = $("camera");
    this.grab = document.createElement("canvas");
    this.screen = $("live-canvas");
    this.latencies = [];
    this.server = [];
    this.shown = [];
    this.arrived = 0; // when the newest frame came that was not sent; 0: there is none
    this.idle = false; // nothing is on its way
    this.reason = "";
    this.setOn(true);
    const query = new URLSearchParams({ identity, faces });
    this.socket = new WebSocket(`ws://${location.host}/api/live?${query}`, ["facesdk.live.1", `facesdk.token.${token}`]);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.begin();
    this.socket.onmessage = (event) => this.receive(event.data);
    this.socket.onclose = () => this.stop(this.reason || "The server ended the live picture.");
    stream.getVideoTracks()[0].onended = () => this.stop("The camera went away.\nConnect it and start again.");
    this.clock = setInterval(() => this.showMeters(), 250);
  }

  async begin() {
    this.video.srcObject = this.stream;
    await this.video.play();
    this.idle = true;
    this.watch();
  }

  // Notes every frame of the camera, and when it came.
  watch() {
    if (!this.stream) return;
    const arrive = () => {
      this.arrived = performance.now();
      if (this.idle) this.send();
      this.watch();
    };
    if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(arrive);
    else requestAnimationFrame(arrive);
  }

  // At most one frame is on its way. When its answer is drawn, the newest one goes, at once if it came meanwhile.
  next() {
    this.idle = true;
    if (this.arrived) this.send();
  }

  send() {
    if (!this.stream) return;
    const taken = this.arrived;
    this.idle = false;
    this.arrived = 0;
    this.grab.width = this.video.videoWidth;
    this.grab.height = this.video.videoHeight;
    this.grab.getContext("2d").drawImage(this.video, 0, 0);
    this.grab.toBlob(async (blob) => {
      if (!blob) {
        this.idle = true;
        return;
      }
      const message = new Uint8Array(TICKET_BYTES + blob.size);
      message.set(new Uint8Array(new Float64Array([taken]).buffer));
      message.set(new Uint8Array(await blob.arrayBuffer()), TICKET_BYTES);
      if (this.socket.readyState === WebSocket.OPEN) this.socket.send(message);
    }, "image/jpeg", 0.9);
  }

  async receive(data) {
    if (typeof data === "string") {
      this.reason = sentence(JSON.parse(data));
      return;
    }
    const view = new DataView(data);
    const taken = new Float64Array(data.slice(0, TICKET_BYTES))[0];
    const length = view.getUint32(TICKET_BYTES, true);
    const from = TICKET_BYTES + 4;
    const facts = JSON.parse(new TextDecoder().decode(data.slice(from, from + length)));
    const bitmap = await createImageBitmap(new Blob([data.slice(from + length)], { type: "image/jpeg" }));
    if (!this.stream) return;
    if (this.screen.width !== bitmap.width || this.screen.height !== bitmap.height) {
      this.screen.width = bitmap.width;
      this.screen.height = bitmap.height;
    }
    this.screen.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
    const now = performance.now();
    for (const [list, value] of [[this.latencies, now - taken], [this.server, facts.server_ms], [this.shown, now]]) {
      list.push(value);
      if (list.length > RECENT) list.shift();
    }
    this.next();
  }

  showMeters() {
    const now = performance.now();
    const recent = this.shown.filter((time) => now - time < FPS_SPAN_MS);
    if (recent.length < 2) return;
    const fps = ((recent.length - 1) * 1000) / (recent.at(-1) - recent[0]);
    $("meter-fps").textContent = fps.toFixed(0);
    $("meter-p50").textContent = `${percentile(this.latencies, 0.5).toFixed(0)} ms`;
    $("meter-p95").textContent = `${percentile(this.latencies, 0.95).toFixed(0)} ms`;
    $("meter-server").textContent = `${percentile(this.server, 0.5).toFixed(0)} ms`;
  }

  stop(reason = "") {
    if (!this.stream) return;
    for (const track of this.stream.getTracks()) track.stop();
    this.stream = null;
    clearInterval(this.clock);
    this.video.srcObject = null;
    this.socket.onclose = null;
    this.socket.close();
    this.setOn(false);
    $("live-error").textContent = reason;
    live = null;
  }

  setOn(on) {
    $("live-off").hidden = on;
    $("live-switch").textContent = on ? "Stop camera" : "Start camera";
    $("live-switch").setAttribute("aria-pressed", String(on));
    for (const id of ["live-faces", "live-size"]) $(id).disabled = on;
    if (on) for (const meter of document.querySelectorAll(".meters dd")) meter.textContent = "–";
    else this.screen.getContext("2d").clearRect(0, 0, this.screen.width, this.screen.height);
  }
}

function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

$("tab-picture").addEventListener("chosen", () => live?.stop());
addEventListener("pagehide", () => live?.stop());

refresh().catch((error) => {
  $("banner").textContent = error.message;
  $("banner").hidden = false;
});
