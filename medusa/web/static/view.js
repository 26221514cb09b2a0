// Builds what is seen of a message. Text from messages enters the page as text nodes only, never as markup.

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `/static/icons.svg#${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

export const bytes = (size) => {
  const units = ["B", "kB", "MB", "GB"];
  const step = Math.min(units.length - 1, size < 1000 ? 0 : Math.floor(Math.log10(size) / 3));
  return `${(size / 1000 ** step).toFixed(step && size / 1000 ** step < 100 ? 1 : 0)} ${units[step]}`;
};

export const clock = (seconds) => {
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return (parts[0] ? parts : parts.slice(1)).map((part, at) => (at ? String(part).padStart(2, "0") : part)).join(":");
};

// Telegram counts entities in UTF-16 units, as strings here do. They may nest and overlap: the text is cut at every edge.
export function formatted(text, entities) {
  const edges = new Set([0, text.length]);
  for (const { offset, length } of entities) edges.add(Math.min(offset, text.length)).add(Math.min(offset + length, text.length));
  const cuts = [...edges].sort((a, b) => a - b);
  const whole = document.createDocumentFragment();
  for (let at = 0; at + 1 < cuts.length; at++) {
    const [start, stop] = [cuts[at], cuts[at + 1]];
    const around = entities
      .filter((one) => one.offset <= start && one.offset + one.length >= stop)
      .sort((a, b) => a.length - b.length);
    const piece = text.slice(start, stop);
    let node = around.some((one) => /url|code|pre/.test(one.kind)) ? document.createTextNode(piece) : linked(piece);
    for (const one of around) node = wrapped(node, one, piece);
    whole.append(node);
  }
  return whole;
}

function linked(text) {
  const whole = document.createDocumentFragment();
  let end = 0;
  for (const found of text.matchAll(/https?:\/\/[^\s<>"]+/g)) {
    whole.append(text.slice(end, found.index), link(found[0], document.createTextNode(found[0])));
    end = found.index + found[0].length;
  }
  whole.append(text.slice(end));
  return whole;
}

function link(url, node) {
  if (!/^https?:\/\//i.test(url)) return node;
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, node);
}

const TAGS = { bold: "b", italic: "i", underline: "u", strike: "s", code: "code", pre: "pre", blockquote: "blockquote" };

function wrapped(node, entity, piece) {
  if (entity.kind === "url") return link(/^https?:/i.test(piece) ? piece : `http://${piece}`, node);
  if (entity.kind === "texturl") return link(entity.url ?? "", node);
  if (entity.kind === "spoiler") {
    return el("span", { class: "spoiler", onclick: (event) => event.currentTarget.classList.add("open") }, node);
  }
  return TAGS[entity.kind] ? el(TAGS[entity.kind], {}, node) : node;
}

const place = (message) => `${message.chat_id}/${message.id}`;

export function media(message) {
  const file = message.file;
  if (file.kind === "video" && /^video\/(mp4|webm)$/.test(file.mime)) return [video(message), fileLine(message)];
  if (file.kind === "audio") return [song(message)];
  if (file.kind === "voice") return [voice(message)];
  if (file.kind === "image" && file.size < 20e6) return [image(message), fileLine(message)];
  return [documentCard(message)];
}

// A picture's bubble takes the picture's shape before its bytes are there, so that nothing jumps.
export function shape(node, message) {
  const { width, height } = message.file ?? {};
  node.classList.toggle("framed", node.querySelector(":scope > .media") !== null);
  if (width && height) node.style.setProperty("--ratio", Math.min(3, Math.max(0.4, width / height)));
}

function framed(message, content) {
  const frame = el("div", { class: message.file.spoiler ? "media hidden-media" : "media" }, content);
  if (message.file.spoiler) {
    const uncover = el("button", { class: "uncover", type: "button" }, "Show");
    uncover.addEventListener("click", () => { frame.classList.remove("hidden-media"); uncover.remove(); });
    frame.append(uncover);
  }
  return frame;
}

function video(message) {
  const { file } = message;
  const poster = file.thumb ? `/thumb/${place(message)}` : null;
  // What Telegram calls a GIF plays by itself, over and over, and there is nothing to hear.
  const playing = file.shape === "animation" ? { autoplay: true, loop: true } : { controls: true };
  const node = el("video", {
    ...playing, playsinline: true, preload: poster ? "none" : "metadata", poster,
    src: `/file/${place(message)}`, "aria-label": file.name,
  });
  node.muted = file.shape === "animation";
  const frame = framed(message, node);
  frame.classList.toggle("round", file.shape === "round");
  return frame;
}

function image(message) {
  return framed(message, el("img", { src: `/file/${place(message)}`, alt: message.file.name, loading: "lazy" }));
}

function song(message) {
  const { file } = message;
  const cover = file.thumb
    ? el("img", { class: "cover", src: `/thumb/${place(message)}`, alt: "" })
    : el("span", { class: "cover" }, icon("note"));
  const about = [file.performer, file.duration ? clock(file.duration) : null, bytes(file.size)].filter(Boolean).join(" · ");
  return el("div", { class: "song" },
    cover,
    el("div", {}, el("b", { dir: "auto" }, file.title || file.name), el("span", { dir: "auto" }, about)),
    el("audio", { controls: true, preload: "none", src: `/file/${place(message)}` }));
}

// The bars fill as it plays; a tap on them goes there, and the keyboard has the player's own line below.
function voice(message) {
  const { file } = message;
  const player = el("audio", { controls: true, preload: "none", src: `/file/${place(message)}`, "aria-label": "Voice message" });
  const bars = el("div", { class: "waveform", "aria-hidden": "true" },
    ...file.waveform.map((value) => {
      const bar = el("i");
      bar.style.setProperty("--value", value / 31);
      return bar;
    }));
  const length = () => player.duration || file.duration;
  player.addEventListener("timeupdate", () => {
    const heard = (player.currentTime / length()) * bars.children.length;
    [...bars.children].forEach((bar, at) => bar.classList.toggle("heard", at < heard));
  });
  bars.addEventListener("click", (event) => {
    const box = bars.getBoundingClientRect();
    player.play().then(() => { player.currentTime = length() * (event.clientX - box.left) / box.width; });
  });
  return el("div", { class: "voice" },
    el("span", {}, icon("note"), ["Voice message", file.duration ? clock(file.duration) : null].filter(Boolean).join(" · ")),
    bars, player);
}

function fileLine(message) {
  const { file } = message;
  return el("div", { class: "file-line" },
    el("a", { href: `/file/${place(message)}`, download: file.name }, icon("down"), el("bdi", {}, file.name)),
    el("span", {}, [file.duration ? clock(file.duration) : null, file.width ? `${file.width} × ${file.height}` : null, bytes(file.size)].filter(Boolean).join(" · ")));
}

function documentCard(message) {
  const { file } = message;
  const badge = file.thumb ? el("img", { src: `/thumb/${place(message)}`, alt: "" }) : icon("down");
  return el("a", { class: "document", href: `/file/${place(message)}`, download: file.name },
    el("span", { class: "badge" }, badge),
    el("span", {}, el("b", {}, el("bdi", {}, file.name)), el("small", {}, [bytes(file.size), file.mime].join(" · "))));
}

export const snippet = (message) => message.text.split("\n")[0] || message.file?.name || "a message";

export const timeOfDay = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

export function day(seconds) {
  const date = new Date(seconds * 1000);
  if (date.toDateString() === new Date().toDateString()) return "Today";
  return date.toLocaleDateString([], { day: "numeric", month: "long", year: "numeric" });
}
