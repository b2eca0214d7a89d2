// What the helpers of the npm client see; as one JSON object.
import Replicate from "replicate";

const replicate = new Replicate({ baseUrl: process.argv[2] });
const seen = { account: (await replicate.accounts.current()).username };
seen.hardware = (await replicate.hardware.list()).map((one) => one.sku).slice(0, 1);
const names = new Set();
for await (const page of replicate.paginate(replicate.models.list)) for (const model of page) names.add(model.name);
seen.models = names.size;
seen.found = (await replicate.models.search("greets")).results.map((model) => model.name);
seen.collections = (await replicate.collections.list()).results.map((one) => one.slug);
seen.collection = (await replicate.collections.get("greetings")).models.map((model) => model.name);
const model = await replicate.models.get("ada", "hello");
seen.cover = model.cover_image_url;
seen.example = model.default_example.id;
seen.versions = (await replicate.models.versions.list("ada", "hello")).results.map((one) => one.id.slice(0, 1));
seen.version = (await replicate.models.versions.get("ada", "hello", "a".repeat(64))).cog_version;
seen.predictions = (await replicate.predictions.list()).results.map((one) => one.status);
const made = await replicate.models.create("ada", "js", { visibility: "private", hardware: "cpu" });
seen.made = made.name;
const uploaded = await replicate.files.create(new File(["js"], "js.txt", { type: "text/plain" }), { from: "js" });
seen.file = [uploaded.name, uploaded.content_type, uploaded.metadata];
seen.files = (await replicate.files.list()).results.map((one) => one.id).includes(uploaded.id);
seen.got = (await replicate.files.get(uploaded.id)).size;
await replicate.files.delete(uploaded.id);
try {
  await replicate.files.get(uploaded.id);
} catch (error) {
  seen.refused = error.response.status;
}
console.log(JSON.stringify(seen));
