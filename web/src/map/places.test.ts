import { expect, test } from "vitest";
import { openable, placeKind, placeKinds, placeLook } from "./places.ts";
import { colour } from "./palette.ts";

test("only what a browser opens becomes a link", () => {
  expect(openable("https://video.example/K1")).toBe("https://video.example/K1");
  expect(openable("http://10.0.0.1/live")).toBe("http://10.0.0.1/live");
  for (const url of ["rtsp://10.0.0.1/live", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "//x", "", null, undefined]) expect(openable(url)).toBeNull();
});

test("every kind has a shape and a colour of its own, and none of those that move", () => {
  expect(new Set(placeKinds.map((k) => placeLook[k].path)).size).toBe(placeKinds.length);
  expect(new Set([...placeKinds.map((k) => placeLook[k].colour), ...new Set(Object.values(colour))]).size).toBe(placeKinds.length + new Set(Object.values(colour)).size);
  expect(placeKind("market")).toBe("market");
  expect(placeKind("palace")).toBe("other");
});
