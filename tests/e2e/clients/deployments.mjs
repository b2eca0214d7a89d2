// Deployments with the npm client; prints what it saw as one JSON object.
import Replicate from "replicate";

const [model, version] = process.argv.slice(2);
const replicate = new Replicate({ baseUrl: process.env.REPLICATE_BASE_URL + "/v1" });
const seen = {};

const made = await replicate.deployments.create({
  name: "js", model, version, hardware: "cpu", min_instances: 0, max_instances: 1,
});
seen.created = [made.owner, made.name, made.current_release.number, made.current_release.created_by.username];
const prediction = await replicate.deployments.predictions.create(made.owner, made.name, { input: { text: "js" } });
const ended = await replicate.wait(prediction);
seen.predicted = [ended.status, ended.output, ended.deployment];
const changed = await replicate.deployments.update(made.owner, made.name, { max_instances: 2 });
seen.updated = [changed.current_release.number, changed.current_release.configuration.max_instances];
seen.got = (await replicate.deployments.get(made.owner, made.name)).current_release.version === version;
seen.listed = (await replicate.deployments.list()).results.map((each) => each.name).includes("js");
await replicate.deployments.update(made.owner, made.name, { min_instances: 0, max_instances: 0 });
for (let tries = 0; tries < 200; tries++) {
  try {
    seen.deleted = await replicate.deployments.delete(made.owner, made.name);
    break;
  } catch (error) {
    if (error.response.status !== 403) throw error;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
console.log(JSON.stringify(seen));
