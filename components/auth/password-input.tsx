"use client";

import { Eye, EyeOff } from "lucide-react";
import { type ComponentProps, useState } from "react";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/field";

/** A password that can be looked at. */
export function PasswordInput(props: Omit<ComponentProps<typeof Input>, "type" | "trailing">) {
  const [shown, setShown] = useState(false);
  return (
    <Input
      {...props}
      type={shown ? "text" : "password"}
      autoCapitalize="none"
      spellCheck={false}
      trailing={
        <Button
          variant="ghost"
          size="xs"
          icon={shown ? <EyeOff /> : <Eye />}
          label={shown ? "Hide password" : "Show password"}
          aria-pressed={shown}
          className="-mr-1"
          onClick={() => setShown(!shown)}
        />
      }
    />
  );
}
