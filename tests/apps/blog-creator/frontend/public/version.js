// Shows which release of the API answers this page.
fetch("/version")
  .then((response) => response.json())
  .then(({ release }) => release, () => "unreachable")
  .then((text) => (document.getElementById("api").textContent = text));
