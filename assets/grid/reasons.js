/* Why an image is in the selection and what was decided on it, in words. */

/** Names and values for a list. */
export function described({ mark, rank, similarity, phase, uid }) {
  return {
    Decision: mark,
    Rank: rank === null ? "–" : `neighbour ${rank} of its target`,
    Similarity: similarity < 0 ? "–" : similarity.toFixed(3),
    Phase: phase,
    Image: uid,
  };
}

/** One decision in a line. */
export function told({ at, who, action, scope, reason, stands }) {
  const parts = [
    `${action} by ${who}, ${new Date(at).toLocaleString()}`,
    scope === "image" ? "" : `scope ${scope}`,
    reason,
    stands ? "" : "taken back",
  ];
  return parts.filter(Boolean).join(" · ");
}
