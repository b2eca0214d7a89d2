// Trains with the npm client; prints what it saw as one JSON object.
import { readFile } from "node:fs/promises";
import Replicate from "replicate";

const [model, destination, text] = process.argv.slice(2);
const replicate = new Replicate({ baseUrl: process.env.REPLICATE_BASE_URL + "/v1" });
const [owner, name] = model.split("/");
const seen = {};

const version = (await replicate.models.get(owner, name)).latest_version.id;
const uri = `data:text/plain;base64,${(await readFile(text)).toString("base64")}`;
const made = await replicate.trainings.create(owner, name, version, { destination, input: { text: uri } });
let training = made;
while (!["succeeded", "failed", "canceled"].includes(training.status)) {
  await new Promise((resolve) => setTimeout(resolve, 100));
  training = await replicate.trainings.get(made.id);
}
seen.created = [made.status, training.status, made.urls.get.endsWith(`/v1/trainings/${made.id}`)];
seen.version = training.output.version;
seen.logs = training.logs;
const input = { prompt: "The ", seed: 7, length: 120 };
seen.base = await replicate.run(model, { input });
seen.tuned = await replicate.run(training.output.version, { input });
seen.listed = (await replicate.trainings.list()).results.some((one) => one.id === made.id);
const canceled = await replicate.trainings.create(owner, name, version, { destination, input: { text: uri, epochs: 50 } });
seen.canceled = (await replicate.trainings.cancel(canceled.id)).status;
try {
  await replicate.trainings.create(owner, name, version, { destination: "nobody/nothing", input: { text: uri } });
} catch (error) {
  seen.refused = [error.response.status, error.message.includes("The specified training destination does not exist")];
}
console.log(JSON.stringify(seen));
