// The stock client on a recording: audio.mjs BASE_URL FILE; prints what each call gave or threw, one JSON object a line.
import { createReadStream } from "node:fs";
import OpenAI, { toFile } from "openai";

const [baseURL, path] = process.argv.slice(2);
const client = new OpenAI({ baseURL, maxRetries: 0 }); // its key is OPENAI_API_KEY
const { speech, transcriptions, translations } = client.audio;
const whisper = { model: "whisper-1", language: "en" };
const heard = (more) => transcriptions.create({ ...whisper, file: createReadStream(path), ...more });
const spoken = { model: "tts-1", voice: "alloy", input: "The house on the hill is big." };

async function collected(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

async function written(response) {
  const parts = [];
  for await (const part of response.body) parts.push(part);
  return { type: response.headers.get("content-type"), audio: Buffer.concat(parts).toString("base64") };
}

const calls = {
  json: () => heard({}),
  verbose_json: () => heard({ response_format: "verbose_json", timestamp_granularities: ["word", "segment"] }),
  text: () => heard({ response_format: "text" }),
  srt: () => heard({ response_format: "srt" }),
  stream: async () => collected(await heard({ model: "gpt-4o-transcribe", stream: true })),
  translation: () => translations.create({ model: "whisper-1", file: createReadStream(path), target_language: "es" }),
  mp3: async () => written(await speech.create(spoken)),
  wav: async () => written(await speech.create({ ...spoken, response_format: "wav" })),
  no_recording: async () => heard({ file: await toFile(Buffer.from("no audio"), "notes.txt") }),
  no_format: () => heard({ response_format: "docx" }),
  no_model: () => heard({ model: "whisper-9" }),
};

for (const [name, call] of Object.entries(calls)) {
  try {
    console.log(JSON.stringify({ name, gave: await call() }));
  } catch (error) {
    const { status, code, type, param } = error;
    console.log(JSON.stringify({ name, threw: { class: error.constructor.name, status, code, type, param } }));
  }
}
