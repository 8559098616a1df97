"use client";

import { Terminal } from "lucide-react";
import { type CurlCall, toCurl } from "@/lib/curl";
import { CopyButton } from "./copy-button";

/** What a form would send, for a terminal. */
export function CopyAsCurl(call: CurlCall) {
  return (
    <CopyButton label="Copy as curl" size="sm" icon={<Terminal />} text={() => toCurl(call, window.location.origin)}>
      Copy as curl
    </CopyButton>
  );
}
