/* The form of the request's settings. */

import { checkbox, element, field, group, input, select } from "../../shared/elements.js";

/** The form: {content, value()}; `percentiles` gives the similarity of a floor, if it is known. */
export function settingsForm(request, choices, percentiles) {
  const floor = input("range", request.floor ?? 0, { min: 0, max: 100, step: 1 });
  const shown = element("output");
  const tell = () => {
    const value = Number(floor.value);
    const cut = percentiles ? `: similarity ${percentiles[value].toFixed(2)}` : "";
    shown.textContent = value ? `${value}th percentile of random pairs${cut}` : "no floor";
  };
  floor.oninput = tell;
  tell();
  const cap = input("number", request.cap, { min: 1, max: 100 });
  const seed = input("number", request.seed, { min: 0, max: 2 ** 31 });
  const scaling = checkbox("Local scaling: discount images that are similar to everything",
    request.scaling);
  const fill = checkbox("Fill the remaining budget from the targets' clusters, then at random",
    request.fill);
  const refill = checkbox("Allow near-duplicates of vetoed images as refills", request.refill);
  const guard = checkbox("Contamination guard: exclude near-duplicates of held-out target images",
    request.guard);
  const filter = input("text", request.filter || "",
    { placeholder: 'width >= 256 and source = web and caption ~ "red fox"', spellcheck: "false" });
  const chosen = select("", "Named group",
    [["", "whole pool"], ...choices.groups.map((name) => [name, name])], request.group || "", () => {});
  const content = [
    field("Similarity floor", group("span", "ranged", floor, shown),
      "Only images that are more similar to a target than this share of random pairs."),
    group("div", "two", field("Images per near-duplicate group", cap), field("Random seed", seed)),
    scaling, fill, refill, guard,
    field("Metadata filter", filter,
      `Fields: ${choices.fields.join(", ")}. Operators: = != < <= > >= and ~ (contains).`),
    field("Named group", chosen, "Restricts the pool to the images of a group."),
  ];
  return {
    content,
    chosen,
    value: () => ({
      ...request,
      floor: Number(floor.value) || null,
      cap: Math.max(1, Number(cap.value) || 1),
      seed: Math.max(0, Number(seed.value) || 0),
      scaling: scaling.box.checked,
      fill: fill.box.checked,
      refill: refill.box.checked,
      guard: guard.box.checked,
      filter: filter.value.trim(),
      group: chosen.value,
    }),
  };
}
