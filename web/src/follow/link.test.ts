import { describe, expect, it } from "vitest";
import { linked } from "./link.ts";

describe("the link of a slip", () => {
  it("holds the report and the code", () => {
    expect(linked("#01890a5d-ac96-774b-bcce-b302099a8057.7QK2M-9XD4T")).toEqual({ ref: "01890a5d-ac96-774b-bcce-b302099a8057", code: "7QK2M-9XD4T" });
    expect(linked("#20261125-0012.7qk2m9xd4t")).toEqual({ ref: "20261125-0012", code: "7qk2m9xd4t" });
  });
  it.each(["", "#", "#20261125-0012", "#.7QK2M", "#../x.7QK2M", "#a.b.c"])("%s is none", (hash) => expect(linked(hash)).toBeNull());
});
