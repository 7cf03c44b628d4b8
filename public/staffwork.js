// While the server restarts, Chainlit's page would leave for the login because it cannot ask who is logged in.
// So that one question waits until there is an answer; the socket reconnects by itself, and the work is shown as it stands.
(() => {
  const fetched = window.fetch.bind(window);
  const waits = (resource) => new URL(resource.url ?? resource, window.location.href).pathname === '/user';
  window.fetch = async (resource, options) => {
    for (let pause = 250; ; pause = Math.min(pause * 2, 4000)) {
      try {
        return await fetched(resource, options);
      } catch (problem) {
        if (!waits(resource)) throw problem;
        await new Promise((done) => setTimeout(done, pause));
      }
    }
  };
})();
