// The stock client on raw PCM16 at 24 kHz: transcribe.mjs BASE_URL FILE; prints every event, one JSON object a line.
import { readFileSync } from "node:fs";
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";

const [baseURL, file] = process.argv.slice(2);
const audio = readFileSync(file);
const client = new OpenAI({ apiKey: "none", baseURL });
const realtime = new OpenAIRealtimeWS({ intent: "transcription" }, client);
const open = new Set();
let sent = false;

realtime.on("event", (event) => {
  console.log(JSON.stringify(event));
  if (event.type === "input_audio_buffer.speech_started") open.add(event.item_id);
  if (event.type === "conversation.item.input_audio_transcription.completed") {
    open.delete(event.item_id);
    if (sent && open.size === 0) realtime.close();
  }
});
realtime.on("error", (error) => {
  console.error(error);
  process.exitCode = 1;
  realtime.close();
});
realtime.on("session.created", () => {
  realtime.send({
    type: "session.update",
    session: {
      type: "transcription",
      audio: {
        input: {
          format: { type: "audio/pcm", rate: 24000 },
          transcription: { model: "gpt-4o-transcribe", language: "en" },
          turn_detection: { type: "server_vad", threshold: 0.5, prefix_padding_ms: 300, silence_duration_ms: 500 },
        },
      },
    },
  });
});
realtime.on("session.updated", () => {
  for (let begin = 0; begin < audio.length; begin += 9600) {
    realtime.send({
      type: "input_audio_buffer.append",
      audio: audio.subarray(begin, begin + 9600).toString("base64"),
    });
  }
  sent = true;
});
