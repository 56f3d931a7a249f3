/* What Swagger UI leaves out for those who don't see it: its sections are headed at levels 3 and 4 right below the title,
   which is level 1, and what stands beside its operations is in no part of the page that has a name. */
function finish() {
  for (const heading of document.querySelectorAll("h3.opblock-tag, .models > h4")) heading.setAttribute("aria-level", "2");
  const names = { ".information-container section": "About", ".scheme-container section": "Authorization", ".models": "Schemas" };
  for (const [place, name] of Object.entries(names)) {
    for (const part of document.querySelectorAll(place)) part.setAttribute("aria-label", name);
  }
}

window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  validatorUrl: null,
  tryItOutEnabled: true,
  defaultModelsExpandDepth: 0,
  onComplete: finish,
});
