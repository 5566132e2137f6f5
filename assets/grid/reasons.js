/* Texts on the reason for an image's selection and the decisions on it. */

/** Names and values for a definition list. */
export function described({ mark, rank, similarity, phase, uid }) {
  return {
    Decision: mark,
    Rank: rank === null ? "–" : `neighbour ${rank} of its target`,
    Similarity: similarity < 0 ? "–" : similarity.toFixed(3),
    Phase: phase,
    Image: uid,
  };
}

/** One decision as a line of text. */
export function told({ at, who, action, scope, reason, stands }) {
  const parts = [
    `${action} by ${who}, ${new Date(at).toLocaleString()}`,
    scope === "image" ? "" : `scope ${scope}`,
    reason,
    stands ? "" : "undone",
  ];
  return parts.filter(Boolean).join(" · ");
}
