"use client";

import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import type { List } from "@/lib/schema";

const MOST = 1000;

type Feed<T> = { first: List<T>; rows: T[]; next: string | null };

/** A log grows at both ends: the first page is read again and again, older pages are appended. Nothing shown is lost,
 *  unless more arrived between two reads than a page holds; then the list starts again at its newest row. */
export function useFeed<T>(first: List<T>, idOf: (row: T) => string, older: (cursor: string) => Promise<List<T>>) {
  const [feed, setFeed] = useState<Feed<T>>({ first, rows: first.data, next: first.next_cursor });
  if (feed.first !== first) setFeed(withFirst(feed, first, idOf));
  const more = useMutation({
    mutationFn: older,
    onSuccess: (page) =>
      setFeed((now) => ({ ...now, rows: [...now.rows, ...page.data.filter(unlike(now.rows, idOf))], next: page.next_cursor })),
  });
  const { rows, next } = feed;
  return { rows, hasMore: next !== null, more: () => next !== null && more.mutate(next), loading: more.isPending, error: more.error };
}

function withFirst<T>(feed: Feed<T>, first: List<T>, idOf: (row: T) => string): Feed<T> {
  const known = new Set(feed.rows.map(idOf));
  const meets = first.data.some((row) => known.has(idOf(row))) || (!first.has_more && feed.rows.length === 0);
  if (!meets || feed.rows.length > MOST) return { first, rows: first.data, next: first.next_cursor };
  return { ...feed, first, rows: [...first.data, ...feed.rows.filter(unlike(first.data, idOf))] };
}

function unlike<T>(rows: readonly T[], idOf: (row: T) => string): (row: T) => boolean {
  const known = new Set(rows.map(idOf));
  return (row) => !known.has(idOf(row));
}
