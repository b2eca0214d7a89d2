// Runs with the npm client; prints what it saw as one JSON object.
import { readFile } from "node:fs/promises";
import Replicate from "replicate";

const [hello, tokens, listen, invert, clip] = process.argv.slice(2);
const replicate = new Replicate({ baseUrl: process.env.REPLICATE_BASE_URL + "/v1" });
const seen = {};

seen.run = await replicate.run(hello, { input: { text: "js" } });
seen.iterate = (await replicate.run(tokens, { input: { prompt: "t", count: 3 } })).join("");
seen.progress = [];
await replicate.run(hello, { input: { text: "p" }, wait: { mode: "poll" } }, (p) => seen.progress.push(p.status));

const events = [];
for await (const event of replicate.stream(tokens, { input: { prompt: "s", count: 3 } })) events.push(event);
seen.stream = events.filter((e) => e.event === "output").map((e) => e.data).join("");
seen.done = events.at(-1).event;

const made = await replicate.predictions.create({ model: hello, input: { text: "created" } });
const ended = await replicate.wait(made);
seen.created = [made.status, ended.status, ended.output];

const bytes = await readFile(clip);
seen.audio = await replicate.run(listen, { input: { audio: bytes } });
const image = await replicate.run(invert, { input: { image: new File([bytes], "photo.jpg") } });
seen.image = Buffer.from(await (await image.blob()).arrayBuffer()).subarray(0, 4).toString("hex");
seen.imageUrl = image.url().href;

try {
  await replicate.run(tokens, { input: {} });
} catch (error) {
  seen.refused = [error.response.status, error.message.includes("prompt is required")];
}
console.log(JSON.stringify(seen));
