// What a version's schema says of each input: its kind of widget, its limits, and what is wrong with a value.

const withoutNull = (schema) => {
  const types = [schema.type].flat().filter((one) => one && one !== "null");
  const options = (schema.anyOf ?? schema.oneOf ?? []).filter((one) => one.type !== "null");
  if (!types.length && options.length === 1) return { ...schema, ...options[0], anyOf: undefined, oneOf: undefined };
  return { ...schema, type: types[0] ?? (schema.enum ? typeof schema.enum.find((one) => one !== null) : undefined), many: types.length > 1 || options.length > 1 };
};

const scalar = (schema) => {
  const plain = withoutNull(schema);
  if (plain.many) return "json";
  if (plain.enum) return "choice";
  if (plain.type === "string") {
    if (plain.format === "uri") return "file";
    return plain.format === "password" || plain["x-cog-secret"] ? "secret" : "text";
  }
  return { integer: "number", number: "number", boolean: "boolean", array: "list" }[plain.type] ?? "json";
};

// {name, kind, item?, schema, type, required, deprecated, fallback, limits, help}, in the order of the signature.
export function fields({ properties, required }) {
  const order = (schema) => (Number.isInteger(schema["x-order"]) ? schema["x-order"] : Infinity);
  return Object.entries(properties).sort(([, a], [, b]) => order(a) - order(b)).map(([name, given]) => {
    const schema = withoutNull(given);
    let kind = scalar(given);
    const item = kind === "list" ? scalar(schema.items ?? {}) : null;
    if (kind === "list" && ["json", "list"].includes(item)) kind = "json";
    return {
      name, kind, item, schema,
      type: typeName(given),
      required: required.includes(name),
      deprecated: Boolean(schema.deprecated),
      fallback: schema.default ?? undefined,
      limits: limits(schema),
      help: schema.description ?? "",
    };
  });
}

function typeName(schema) {
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return [...new Set(options.filter((one) => one.type !== "null").map(typeName))].join(" or ");
  const types = [schema.type].flat().filter((one) => one && one !== "null");
  if (types[0] === "array") return `list of ${typeName(schema.items ?? {})}`;
  if (types[0] === "string") return schema.format === "uri" ? "file" : schema.format === "password" || schema["x-cog-secret"] ? "secret" : "string";
  return types.join(" or ") || (schema.enum ? typeof schema.enum[0] : "any");
}

function limits(schema) {
  const range = (least, most, unit) => {
    if (least !== undefined && most !== undefined) return `${least}–${most}${unit}`;
    if (least !== undefined) return `≥ ${least}${unit}`;
    return most === undefined ? "" : `≤ ${most}${unit}`;
  };
  return [range(schema.minimum, schema.maximum, ""), range(schema.minLength, schema.maxLength, " characters"), range(schema.minItems, schema.maxItems, " items")]
    .filter(Boolean).join(", ");
}

// What is wrong with a value, in words that follow the input's name; "" when nothing is.
export function fault(schema, value) {
  const plain = withoutNull(schema);
  if (plain.many || value === undefined) return "";
  if (plain.enum && !plain.enum.includes(value)) return `has to be one of ${plain.enum.map((one) => JSON.stringify(one)).join(", ")}`;
  if (plain.type === "integer" && !Number.isInteger(value)) return "has to be a whole number";
  if (plain.type === "number" && !Number.isFinite(value)) return "has to be a number";
  if (typeof value === "number") return numberFault(plain, value);
  if (typeof value === "string" && plain.type === "string") return textFault(plain, value);
  if (plain.type === "array") return listFault(plain, value);
  if (plain.type === "object" && (typeof value !== "object" || Array.isArray(value) || value === null)) return "has to be a JSON object";
  return "";
}

function numberFault(schema, value) {
  if (schema.minimum !== undefined && value < schema.minimum) return `has to be at least ${schema.minimum}`;
  if (schema.maximum !== undefined && value > schema.maximum) return `has to be at most ${schema.maximum}`;
  if (schema.exclusiveMinimum !== undefined && value <= schema.exclusiveMinimum) return `has to be more than ${schema.exclusiveMinimum}`;
  if (schema.exclusiveMaximum !== undefined && value >= schema.exclusiveMaximum) return `has to be less than ${schema.exclusiveMaximum}`;
  return "";
}

function textFault(schema, value) {
  const length = [...value].length;
  if (schema.format === "uri" && !/^(https?:\/\/[^\s/?#]|data:[^,]{0,1024},)/i.test(value)) return "has to be a file, or a URL that begins with http:// or https://";
  if (schema.minLength !== undefined && length < schema.minLength) return `needs at least ${schema.minLength} ${schema.minLength === 1 ? "character" : "characters"}`;
  if (schema.maxLength !== undefined && length > schema.maxLength) return `has ${length} characters, at most ${schema.maxLength} are allowed`;
  if (schema.pattern) {
    try { if (!new RegExp(schema.pattern, "u").test(value)) return `has to match ${schema.pattern}`; } catch { /* the server knows more expressions */ }
  }
  return "";
}

function listFault(schema, value) {
  if (!Array.isArray(value)) return "has to be a JSON list";
  if (schema.minItems !== undefined && value.length < schema.minItems) return `needs at least ${schema.minItems} items`;
  if (schema.maxItems !== undefined && value.length > schema.maxItems) return `takes at most ${schema.maxItems} items`;
  for (const [at, one] of value.entries()) {
    const wrong = fault(schema.items ?? {}, one);
    if (wrong) return `${at + 1} ${wrong}`;
  }
  return "";
}

// Server faults ({type, field, description}) by input: [name or "", text].
export function serverFaults(invalid, names) {
  return invalid.map(({ field, description }) => {
    const path = String(field).replace(/^input\.?/, "");
    const name = names.find((one) => path === one || path.startsWith(`${one}.`)) ?? names.find((one) => description.startsWith(`${one} `)) ?? "";
    return [name, name && description.startsWith(`${name} `) ? description.slice(name.length + 1) : description];
  });
}
