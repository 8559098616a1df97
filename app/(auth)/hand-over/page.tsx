import type { Metadata } from "next";
import { HandOverReveal } from "@/components/keys/hand-over-reveal";
import { env } from "@/lib/env";

export const metadata: Metadata = { title: "A key for you", referrer: "no-referrer", robots: { index: false } };

export default function HandOverPage() {
  const { publicUrl, publicUrlIsSet } = env();
  return <HandOverReveal baseUrl={publicUrlIsSet ? publicUrl : null} />;
}
