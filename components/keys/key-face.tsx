import clsx from "clsx";
import { Key } from "lucide-react";

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const depths = [0, 3, 5.5, 8, 11] as const;

type KeyFaceProps = {
  /** `lk_live_9fKq2T`; null for a key that was imported without one. */
  prefix: string | null | undefined;
  /** Revoked, expired, never used. */
  off?: boolean | undefined;
  className?: string | undefined;
};

/** Six characters of the prefix as six cuts of a key: the eye finds the same key again. Always beside the prefix. */
export function KeyFace({ prefix, off = false, className }: KeyFaceProps) {
  const look = clsx("size-5 flex-none", off ? "text-fg-3 opacity-55" : "text-fg-3", className);
  const cuts = cutsOf(prefix);
  if (!cuts) return <Key className={look} />;
  return (
    <svg viewBox="0 0 20 20" fill="currentColor" aria-hidden="true" className={look}>
      <path d={`M1 3h18v3H1z${cuts.map((depth, index) => (depth ? `M${round(1 + index * 3.2)} 6h2v${depth}h-2z` : "")).join("")}`} />
    </svg>
  );
}

function cutsOf(prefix: string | null | undefined): number[] | null {
  const six = prefix && prefix.length > 6 ? [...prefix.slice(-6)] : [];
  const places = six.map((char) => digits.indexOf(char));
  return places.length === 6 && places.every((place) => place >= 0) ? places.map((place) => depths[place % 5] ?? 0) : null;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
