// A result that is stored, taken, and refused, by the JavaScript client.
import Replicate from "replicate";

const replicate = new Replicate({ auth: process.env.REPLICATE_API_TOKEN, baseUrl: process.env.REPLICATE_BASE_URL });
const told = {};
const run = (name, more) => replicate.run(process.argv[2], { input: { prompt: "js", count: 2 }, ...more }, ({ metrics }) => { told[name] = metrics?.cached ?? false; });
const output = [await run("asked", { cache: true }), await run("again", { cache: true }), await run("refused", { cache: false })];
const streamed = [];
for await (const { event, data } of replicate.stream(process.argv[2], { input: { prompt: "js", count: 2 }, cache: true })) if (event === "output") streamed.push(data);
console.log(JSON.stringify({ told, output: output.map((one) => one.join("")), streamed: streamed.join("") }));
