import { z } from "zod";
import { formatNumber } from "@/lib/format";

/** What a schema takes or gives, as rows for a reader: dotted path, kind in words, whether it must be there. */

export interface SchemaRow {
  path: string;
  kind: string;
  /** What its schema says about it. */
  words?: string | undefined;
  isRequired: boolean;
}

interface Json {
  type?: string | string[];
  description?: string;
  const?: unknown;
  enum?: unknown[];
  format?: string;
  anyOf?: Json[];
  items?: Json;
  properties?: Record<string, Json>;
  required?: string[];
  additionalProperties?: Json | boolean;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  maxItems?: number;
}

export function rowsOf(schema: z.ZodType, io: "input" | "output"): SchemaRow[] {
  return walk(z.toJSONSchema(schema, { io, unrepresentable: "any" }) as Json, "", io);
}

function walk(json: Json, at: string, io: "input" | "output"): SchemaRow[] {
  return Object.entries(json.properties ?? {}).flatMap(([name, property]) => {
    const path = at === "" ? name : `${at}.${name}`;
    const isRequired = (json.required ?? []).includes(name) && property.default === undefined;
    const bare = withoutNull(property);
    const inner = bare.type === "array" ? withoutNull(bare.items ?? {}) : bare;
    return [
      {
        path,
        kind: kindOf(property),
        ...(property.description === undefined ? {} : { words: property.description }),
        isRequired: io === "output" || isRequired,
      },
      ...walk(inner, bare.type === "array" ? `${path}[]` : path, io),
    ];
  });
}

function withoutNull(json: Json): Json {
  const others = json.anyOf?.filter((part) => part.type !== "null");
  return others?.length === 1 ? (others[0] ?? json) : json;
}

function kindOf(json: Json): string {
  const fallback = json.default === undefined ? "" : `, ${String(json.default)} by default`;
  return `${bareKind(json)}${fallback}`;
}

function bareKind(json: Json): string {
  if (Array.isArray(json.type)) return json.type.map((type) => bareKind({ ...json, type })).join(", or ");
  if (json.anyOf) return [...new Set(json.anyOf.map(bareKind))].join(", or ");
  if (json.const !== undefined) return String(json.const) || "empty";
  if (json.enum) return json.enum.map(String).join(" · ");
  switch (json.type) {
    case "array":
      return `list of ${json.items?.properties ? "objects" : json.items ? bareKind(json.items).replace(/, (.+)$/, " ($1)") : "anything"}${json.maxItems === undefined ? "" : `, at most ${json.maxItems} entries`}`;
    case "object":
      return json.properties
        ? "object"
        : `object of ${typeof json.additionalProperties === "object" ? bareKind(json.additionalProperties).replace(/, (.+)$/, " ($1)") : "anything"}`;
    case "integer":
    case "number":
      return `${json.type === "integer" ? "whole number" : "number"}${range(json.minimum, json.maximum, "")}`;
    case "string":
      return json.format === "date-time"
        ? "instant, ISO 8601"
        : json.format === "email"
          ? "e-mail address"
          : `text${range(json.minLength, json.maxLength, " characters")}`;
    case "boolean":
      return "true or false";
    case "null":
      return "null";
    default:
      return "anything";
  }
}

function range(least: number | undefined, most: number | undefined, unit: string): string {
  const low = least === undefined || least <= Number.MIN_SAFE_INTEGER ? undefined : least;
  const high = most === undefined || most >= Number.MAX_SAFE_INTEGER ? undefined : most;
  if (low !== undefined && high !== undefined) return `, ${formatNumber(low)} to ${formatNumber(high)}${unit}`;
  if (high !== undefined) return `, at most ${formatNumber(high)}${unit}`;
  return low === undefined ? "" : `, at least ${formatNumber(low)}${unit}`;
}
