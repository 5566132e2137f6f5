/* One view for each element that Streamlit draws a component into, across all reruns. */

/** Return the function that Streamlit calls at every rerun of a component.

    `make` builds a view in a component's element; a view has `update(data, setStateValue)` and
    `detach()`, which Streamlit calls when the element goes away. */
export function mounting(make, styleSheets) {
  const views = new WeakMap(); // shadow root → its view
  return ({ name, parentElement, data, setStateValue }) => {
    let view = views.get(parentElement);
    if (!view) {
      parentElement.adoptedStyleSheets = styleSheets;
      view = make(parentElement.querySelector("." + name.replaceAll("_", "-")));
      views.set(parentElement, view);
    }
    view.update(data, setStateValue);
    return () => view.detach();
  };
}
