// Code that calls a model, in the language of each client, with the values of the moment.
// A call: {model, version, latest, input, gives, base: {here, files}}. gives: text, file, files or value.
// Values that are files are objects with a `name` and `send`.

const isFile = (value) => typeof value?.send === "function";
const hasFiles = (value) => isFile(value) || (Array.isArray(value) && value.some(hasFiles));
const anyFiles = (input) => Object.values(input).some(hasFiles);
const quote = (text) => JSON.stringify(text);
const shell = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`);
// Never an id alone: several models can have it.
const reference = (call) => (call.latest ? call.model : `${call.model}:${call.version}`);
const indent = (text, by) => text.replaceAll("\n", `\n${by}`);

export const languages = [["python", "Python"], ["javascript", "JavaScript"], ["curl", "curl"], ["cli", "CLI"]];

export function gives({ streams, output }) {
  if (streams.text) return "text";
  if (output.type === "array" && output.items?.format === "uri") return "files";
  return output.format === "uri" ? "file" : "value";
}

export function json(call) {
  return JSON.stringify({ input: plain(call.input) }, null, 2);
}

export function code(language, call) {
  return { json, python, javascript, curl, cli }[language](call);
}

// Files as JSON can have them: a URL.
function plain(value) {
  if (isFile(value)) return `https://example.com/${encodeURIComponent(value.name)}`;
  if (typeof value === "string" && value.startsWith("data:") && value.length > 200) return `${value.slice(0, 60)}…`;
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]));
  return value;
}

function literal(value, { file, none, yes, no, key, open = "{", close = "}" }) {
  const again = (one) => literal(one, { file, none, yes, no, key, open, close });
  if (isFile(value)) return file(value.name);
  if (value === null) return none;
  if (value === true) return yes;
  if (value === false) return no;
  if (Array.isArray(value)) return `[${value.map(again).join(", ")}]`;
  if (typeof value === "object") {
    const items = Object.entries(value).map(([name, one]) => `${key(name)}: ${again(one)}`);
    return items.length ? `{${items.join(", ")}}` : "{}";
  }
  return JSON.stringify(plain(value));
}

const inPython = { file: (name) => `open(${quote(name)}, "rb")`, none: "None", yes: "True", no: "False", key: quote };
const inJavascript = { file: (name) => `await readFile(${quote(name)})`, none: "null", yes: "true", no: "false", key: (name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : quote(name)) };

function lines(input, words, by) {
  const items = Object.entries(input).map(([name, value]) => `${by}    ${words.key(name)}: ${literal(value, words)},`);
  return items.length ? `{\n${items.join("\n")}\n${by}}` : "{}";
}

export function python(call, way = "run") {
  const given = `    ${quote(reference(call))},\n    input=${lines(call.input, inPython, "    ")},\n`;
  if (way === "stream" || (way === "run" && call.gives === "text")) {
    return `import replicate\n\nfor event in replicate.stream(\n${given}):\n    print(event, end="", flush=True)`;
  }
  if (way === "async" || way === "webhook") {
    const target = call.latest ? `model=${quote(call.model)}` : `version=${quote(reference(call))}`;
    const hook = way === "webhook" ? '    webhook="https://example.com/done",\n    webhook_events_filter=["completed"],\n' : "";
    const after = way === "webhook" ? "print(prediction.id)" : "print(prediction.status)\nprediction.wait()\nprint(prediction.output)";
    return `import replicate\n\nprediction = replicate.predictions.create(\n    ${target},\n    input=${lines(call.input, inPython, "    ")},\n${hook})\n${after}`;
  }
  const after = {
    file: 'with open("output", "wb") as file:\n    file.write(output.read())',
    files: 'for number, item in enumerate(output):\n    with open(f"output-{number}", "wb") as file:\n        file.write(item.read())',
    text: 'print("".join(output))',
    value: "print(output)",
  }[call.gives];
  return `import replicate\n\noutput = replicate.run(\n${given})\n${after}`;
}

export function javascript(call, way = "run") {
  const filed = call.gives === "file" || call.gives === "files";
  const names = [anyFiles(call.input) && "readFile", way === "run" && filed && "writeFile"].filter(Boolean);
  const base = `${filed ? call.base.files : call.base.here}/v1`;
  const head = [names.length && `import { ${names.join(", ")} } from "node:fs/promises";`, 'import Replicate from "replicate";', "",
    `const replicate = new Replicate({ baseUrl: ${quote(base)} });`, `const input = ${lines(call.input, inJavascript, "").replaceAll("\n    ", "\n  ")};`].filter((line) => line !== 0).join("\n");
  const model = quote(reference(call));
  const target = call.latest ? `model: ${quote(call.model)}` : `version: ${quote(reference(call))}`;
  const stream = `for await (const event of replicate.stream(${model}, { input })) {\n  process.stdout.write(\`\${event}\`);\n}`;
  const ways = {
    stream,
    async: `let prediction = await replicate.predictions.create({ ${target}, input });\nconsole.log(prediction.status);\nprediction = await replicate.wait(prediction);\nconsole.log(prediction.output);`,
    webhook: `const prediction = await replicate.predictions.create({\n  ${target},\n  input,\n  webhook: "https://example.com/done",\n  webhook_events_filter: ["completed"],\n});\nconsole.log(prediction.id);`,
    run: {
      text: stream,
      file: `await writeFile("output", await replicate.run(${model}, { input }));`,
      files: `const files = await replicate.run(${model}, { input });\nawait Promise.all(files.map((file, number) => writeFile(\`output-\${number}\`, file)));`,
      value: `console.log(await replicate.run(${model}, { input }));`,
    }[call.gives],
  };
  return `${head}\n\n${ways[way]}`;
}

export function curl(call, way = "run") {
  const url = call.latest ? `${call.base.here}/v1/models/${call.model}/predictions` : `${call.base.here}/v1/predictions`;
  const hook = way === "webhook" ? { webhook: "https://example.com/done", webhook_events_filter: ["completed"] } : {};
  const body = { ...(call.latest ? {} : { version: reference(call) }), input: plain(call.input), ...hook };
  const wait = way === "run" ? ' \\\n  -H "Prefer: wait"' : "";
  const post = (options) => `curl ${options} ${shell(url)} \\\n  -H "Authorization: Bearer $REPLICATE_API_TOKEN" \\\n  -H "Content-Type: application/json"${wait} \\\n  -d ${shell(indent(JSON.stringify(body, null, 2), "  "))}`;
  if (way === "stream") {
    return `stream=$(${indent(post("-s"), "  ")} |\n  python3 -c 'import json, sys; print(json.load(sys.stdin)["urls"]["stream"])')\ncurl -sN -H "Accept: text/event-stream" "$stream"`;
  }
  if (way === "async") return `${post("-s")}\n\n# later, with the id of the reply\ncurl -s ${call.base.here}/v1/predictions/ID \\\n  -H "Authorization: Bearer $REPLICATE_API_TOKEN"`;
  return post("-s");
}

export function cli(call) {
  const argument = (value) => {
    if (isFile(value)) return `@${value.name}`;
    return typeof value === "string" ? plain(value) : JSON.stringify(plain(value));
  };
  const given = Object.entries(call.input).map(([name, value]) => ` \\\n  -i ${shell(`${name}=${argument(value)}`)}`);
  return `mainspring run ${shell(reference(call))}${given.join("")}`;
}

// The ways to call, for the API tab: [title, text, code]; what the language can't do is left out.
export function guide(language, call) {
  const way = { python, javascript, curl }[language];
  const base = call.base;
  const file = { ...call, input: call.file ?? call.input };
  const install = {
    python: ["Install", "Replicate’s own client, unmodified.", "pip install replicate"],
    javascript: ["Install", "Replicate’s own client, unmodified.", "npm install replicate"],
    cli: ["Install", "The same program that runs this server.", "pip install mainspring"],
  }[language];
  const environment = `export REPLICATE_BASE_URL=${base.here}\nexport REPLICATE_API_TOKEN=ms_…`;
  const auth = language === "cli" ? ["Sign in", "Once on each machine; it asks for a token.", `mainspring login ${base.files}`]
    : ["Base URL and token", "Or both, and certificates, for every client: eval \"$(mainspring env)\".", environment];
  const parts = [install, auth, ["Run", "Wait for the result.", code(language, call)]];
  if (way) {
    if (call.gives === "text") parts.push(["Stream", "Take the text as it is written.", way(call, "stream")]);
    parts.push(["Create and come back", "Make a prediction and ask for it later.", way(call, "async")]);
    parts.push(["Webhook", "Be told when it ends.", way(call, "webhook")]);
  } else {
    parts.push(["Make and follow", "Output as JSON, to be read by a script.", `${cli(call)} --json`]);
  }
  if (call.file) {
    const words = language === "curl" ? "A URL, a data URL, or a file that was uploaded:" : "Open files are uploaded by the client.";
    const upload = `curl -s ${base.here}/v1/files \\\n  -H "Authorization: Bearer $REPLICATE_API_TOKEN" \\\n  -F content=@${shell(Object.values(call.file).flat().find(isFile)?.name ?? "file")}\n\n# urls.get of the reply goes into the input`;
    parts.push(["File input", words, language === "curl" ? upload : code(language, file)]);
  }
  return parts.filter(Boolean);
}
