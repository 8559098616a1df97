import { GeistMono } from "geist/font/mono";
import { GeistSans } from "geist/font/sans";

/** For `<html className={fontVariables}>`: tokens.css reads the two variables. */
export const fontVariables = `${GeistSans.variable} ${GeistMono.variable}`;
