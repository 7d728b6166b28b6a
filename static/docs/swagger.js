// The interactive description of the REST interface, at /docs.
"use strict";

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  // Nobody outside is asked whether the document is valid.
  validatorUrl: null,
});
