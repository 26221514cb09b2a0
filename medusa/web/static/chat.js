// The chat page: loads the chats, follows the server's events, sends what is typed or clicked.
import { day, el, formatted, icon, media, shape, snippet, timeOfDay } from "./view.js";

const by = (id) => document.getElementById(id);
const token = document.querySelector('meta[name="token"]').content;
const narrow = window.matchMedia("(max-width: 719px)");
const touched = window.matchMedia("(hover: none)");
const state = { chats: [], chat: null, shown: new Map(), unread: new Map(), replyTo: null, sent: new Set(), last: "", turn: Promise.resolve() };

const looksLikeACommand = (text) => /^\s*([/.!]\w|https?:\/\/)/.test(text);

async function get(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

function say(text) {
  by("notice").textContent = text;
  by("notice").hidden = !text;
}

// Chats

async function loadChats() {
  state.chats = await get("/api/chats");
  drawChats();
}

function drawChats() {
  by("chats").replaceChildren(...state.chats.map((chat) => {
    const unread = state.unread.get(chat.id);
    return el("li", {}, el("button", { type: "button", "aria-current": String(chat.id === state.chat?.id), onclick: () => inTurn(() => open(chat)) },
      avatar(chat), el("b", { dir: "auto" }, chat.title), el("small", { dir: "auto" }, chat.preview.split("\n")[0]),
      unread ? el("span", { class: "unread" }, String(unread)) : null));
  }));
}

const avatar = (chat) => el("span", { class: "avatar", "data-kind": chat.kind, "aria-hidden": "true" }, icon(chat.kind));

const SUBTITLES = { saved: "Medusa listens here", channel: "channel", person: "private chat" };

async function open(chat) {
  state.chat = chat;
  state.unread.delete(chat.id);
  by("app").classList.remove("list");
  by("chat-title").textContent = chat.title;
  by("chat-subtitle").textContent = SUBTITLES[chat.kind] ?? "";
  by("chat-avatar").dataset.kind = chat.kind;
  by("chat-avatar").replaceChildren(icon(chat.kind));
  dropReply();
  drawChats();
  const messages = await get(`/api/chats/${chat.id}`);
  state.shown.clear();
  by("messages").replaceChildren();
  for (const message of messages) put(message, false);
  chat.latest = messages.at(-1)?.id ?? 0;
  welcome();
  toEnd();
}

function welcome() {
  by("welcome").hidden = state.shown.size > 0 || state.chat?.kind !== "saved";
}

// Messages

function put(message, fresh) {
  const known = state.shown.get(message.id);
  if (!known) insert(create(message, fresh));
  else if ((known.message.edited ?? 0) <= (message.edited ?? 0)) update(known, message);
}

function create(message, fresh) {
  const own = isOwn(message);
  const node = el("li", {
    class: `message${own ? " own" : ""}${fresh ? " fresh" : ""}`, "data-id": message.id, onclick: (event) => tapped(event, message.id),
  }, ...parts(message));
  shape(node, message);
  const shown = { node, message };
  state.shown.set(message.id, shown);
  return shown;
}

// Moving a playing video stops it: an edit of the words alone leaves the media where they stand.
function update(shown, message) {
  const sameFile = JSON.stringify(shown.message.file) === JSON.stringify(message.file);
  shown.message = message;
  for (const quote of document.querySelectorAll(`.quote[data-of="${message.id}"]`)) quote.textContent = snippet(message);
  if (!sameFile) {
    shown.node.replaceChildren(...parts(message));
    shape(shown.node, message);
    return;
  }
  for (const old of shown.node.querySelectorAll(":scope > .text, :scope > .meta")) old.remove();
  shown.node.append(...words(message));
}

const isOwn = (message) => message.out && state.chat.kind !== "channel" && (state.sent.has(message.id) || looksLikeACommand(message.text));

function parts(message) {
  const quoted = state.shown.get(message.reply_to)?.message;
  return [
    message.sender && !message.out ? el("div", { class: "sender", dir: "auto" }, message.sender) : null,
    quoted ? el("button", { class: "quote", type: "button", dir: "auto", "data-of": message.reply_to, onclick: () => reveal(message.reply_to) }, snippet(quoted)) : null,
    ...(message.file ? media(message) : []),
    ...words(message),
  ].filter(Boolean);
}

const words = (message) => [
  ...(message.text ? [el("div", { class: "text", dir: "auto" }, formatted(message.text, message.entities))] : []),
  meta(message),
];

function meta(message) {
  return el("div", { class: "meta" },
    el("button", { type: "button", "aria-label": "Reply", title: "Reply", onclick: () => replyTo(message) }, icon("reply")),
    message.edited ? el("span", {}, "edited") : null,
    el("time", { datetime: new Date(message.date * 1000).toISOString() }, timeOfDay(message.date)));
}

function insert(shown) {
  const list = by("messages");
  const after = [...list.querySelectorAll(".message")].find((node) => Number(node.dataset.id) > shown.message.id);
  if (after) return list.insertBefore(shown.node, after);
  const date = day(shown.message.date);
  if (list.dataset.day !== date || !list.children.length) list.append(el("li", { class: "day" }, date));
  list.dataset.day = date;
  return list.append(shown.node);
}

function remove(ids) {
  for (const id of ids) {
    state.shown.get(id)?.node.remove();
    state.shown.delete(id);
  }
  welcome();
}

function reveal(id) {
  const node = state.shown.get(id)?.node;
  if (!node) return;
  node.scrollIntoView({ block: "center", behavior: "smooth" });
  node.classList.remove("flash");
  void node.offsetWidth;
  node.classList.add("flash");
}

const atEnd = () => by("log").scrollHeight - by("log").scrollTop - by("log").clientHeight < 120;
const toEnd = () => { by("log").scrollTop = by("log").scrollHeight; };

// Events

// Nothing after the event "ready" is missed; what arrives while a chat is being loaded waits for it.
function follow() {
  const events = new EventSource("/api/events");
  events.addEventListener("ready", () => {
    say("");
    inTurn(start);
  });
  events.addEventListener("change", (event) => inTurn(() => apply(JSON.parse(event.data))));
  events.addEventListener("error", () => say("The demo does not answer just now. Trying again …"));
}

function inTurn(work) {
  state.turn = state.turn.then(work).catch(() => say("The demo does not answer just now. Reload the page."));
}

function apply(change) {
  if (change.deleted.length && (change.chat_id === state.chat.id || (change.chat_id === null && state.chat.kind !== "channel"))) {
    remove(change.deleted);
  }
  return change.message ? applyMessage(change.message) : null;
}

function applyMessage(message) {
  const chat = state.chats.find((one) => one.id === message.chat_id);
  if (!chat) return loadChats();
  if (message.id >= (chat.latest ?? 0)) Object.assign(chat, { latest: message.id, preview: snippet(message) });
  if (chat.id === state.chat.id) {
    const stay = atEnd();
    put(message, true);
    welcome();
    if (stay) toEnd();
  } else if (!message.edited) {
    state.unread.set(chat.id, (state.unread.get(chat.id) ?? 0) + 1);
  }
  return drawChats();
}

// Sending

async function send(text, file = null) {
  const form = new FormData();
  form.append("chat", state.chat.id);
  form.append("text", text);
  if (state.replyTo) form.append("reply_to", state.replyTo);
  if (file) form.append("file", file);
  dropReply();
  const answer = await fetch("/api/send", { method: "POST", body: form, headers: { "X-Token": token } }).catch(() => null);
  if (!answer?.ok) {
    const reason = await answer?.json().catch(() => null);
    say(reason?.error ?? "That could not be sent. Is the demo still running?");
    return false;
  }
  const { id } = await answer.json();
  state.sent.add(id);
  markOwn(id);
  say("");
  toEnd();
  return true;
}

function markOwn(id) {
  const shown = state.shown.get(id);
  if (shown && state.chat.kind !== "channel") shown.node.classList.add("own");
}

async function submit(event) {
  event?.preventDefault();
  const text = by("text").value.trim();
  const file = by("file").files[0] ?? null;
  if (!text && !file) return;
  by("text").value = "";
  by("file").value = "";
  state.last = text;
  grow();
  showAttachment();
  if (!(await send(text, file)) && !by("text").value) by("text").value = text;
}

// Fingers have nothing to hover with: there, a tap on a message begins a reply to it.
function tapped(event, id) {
  if (!(narrow.matches || touched.matches) || event.target.closest("a, button, video, audio, .spoiler")) return;
  if (!window.getSelection().isCollapsed) return;
  replyTo(state.shown.get(id).message);
}

function replyTo(message) {
  state.replyTo = message.id;
  by("reply-text").textContent = snippet(message);
  by("reply").hidden = false;
  by("text").focus();
}

function dropReply() {
  state.replyTo = null;
  by("reply").hidden = true;
}

function showAttachment() {
  const file = by("file").files[0];
  by("attachment").hidden = !file;
  by("attachment-name").textContent = file?.name ?? "";
}

function grow() {
  by("text").style.height = "auto";
  by("text").style.height = `${by("text").scrollHeight}px`;
}

function typed(event) {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
  if (event.key === "ArrowUp" && !by("text").value) by("text").value = state.last;
}

function showSamples(visible) {
  by("samples").hidden = !visible;
  by("samples-button").setAttribute("aria-expanded", String(visible));
}

async function sendCard(card) {
  showSamples(false);
  const { reply } = card.dataset;
  if (reply) {
    const videos = [...state.shown.values()].filter(({ message }) => message.file?.kind === "video");
    const meant = videos.sort((a, b) => b.message.id - a.message.id)[reply - 1];
    if (!meant) return say(reply === "1" ? "That replies to a video: send one of the sample videos first." : "That takes two videos: send two samples first.");
    replyTo(meant.message);
  }
  return send(card.dataset.command);
}

// Start

async function start() {
  await loadChats();
  await open(state.chats.find((chat) => chat.id === state.chat?.id) ?? state.chats[0]);
}

by("composer").addEventListener("submit", submit);
by("text").addEventListener("keydown", typed);
by("text").addEventListener("input", grow);
by("file").addEventListener("change", showAttachment);
by("attachment-drop").addEventListener("click", () => { by("file").value = ""; showAttachment(); });
by("reply-drop").addEventListener("click", dropReply);
by("back").addEventListener("click", () => by("app").classList.add("list"));
by("samples-button").addEventListener("click", () => showSamples(by("samples").hidden));
for (const card of document.querySelectorAll(".card")) card.addEventListener("click", () => sendCard(card));
by("first").addEventListener("click", () => sendCard(document.querySelector(".card")));
document.addEventListener("keydown", (event) => { if (event.key === "Escape") showSamples(false); });
document.addEventListener("click", (event) => {
  if (!event.target.closest("#samples, #samples-button")) showSamples(false);
});
narrow.addEventListener("change", () => by("app").classList.remove("list"));

follow();
if (!narrow.matches) by("text").focus();
