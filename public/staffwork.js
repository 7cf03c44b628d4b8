// While the server restarts, Chainlit's page would leave for the login because it cannot ask who is logged in.
// So that one question waits until there is an answer; the socket reconnects by itself, and the work is shown as it stands.
//
// The address names the conversation from its first message on. Chainlit's page sees to that in its list of conversations, which is
// not there on a small screen: there a reload would show an empty page.
//
// Opening a conversation, Chainlit's page connects twice: without it, then with it, each after a question to the server. If the first
// answer came last, the connection without the conversation would stay, and the page empty: so they are given in order.
//
// When a conversation is renamed, the server is told which version the list showed, so that it can say if somebody changed it since.
//
// Whose session has ended is shown out: the socket closes, and then the page asks whether one is still signed in.
(() => {
  const fetched = window.fetch.bind(window);
  const path = (resource) => new URL(resource.url ?? resource, window.location.href).pathname;
  const versions = new Map(); // of the conversations in the list

  const patient = async (resource, options) => {
    for (let pause = 250; ; pause = Math.min(pause * 2, 4000)) {
      try {
        return await fetched(resource, options);
      } catch (problem) {
        if (path(resource) !== '/user') throw problem;
        await new Promise((done) => setTimeout(done, pause));
      }
    }
  };

  let before = Promise.resolve();
  const inOrder = (resource, options) => {
    const earlier = before;
    const answer = earlier.then(() => patient(resource, options));
    // Its reader comes first: the next one is asked when this answer was read and acted upon.
    const acted = () => new Promise((done) => setTimeout(done, 50));
    before = answer.then((given) => given.clone().text()).then(acted, acted);
    return answer;
  };

  const listed = async (answer) => {
    if (!answer.ok) return;
    const { data } = await answer.json();
    for (const { id, metadata } of data ?? []) versions.set(id, metadata?.version);
  };

  const renamed = async (resource, options) => {
    const { threadId } = JSON.parse(options.body);
    const seen = versions.get(threadId);
    const headers = new Headers(options.headers);
    if (seen) headers.set('x-version-seen', seen);
    const answer = await fetched(resource, { ...options, headers });
    if (answer.ok) versions.set(threadId, (await answer.clone().json()).version);
    return answer;
  };

  // The password was right, and a second step comes: the page for it is ours.
  const onward = async (answer) => {
    const { next } = await answer.json();
    if (next === '/second-factor') await leave(() => window.location.assign(next + window.location.search));
  };

  // Chainlit's login ends at the empty chat. Whoever was on the way somewhere is led there; the server looks at where to. And whose
  // session has ended loads the page anew, and is led to the login with it; not for a single thing that is not theirs.
  const leave = async (go) => {
    go();
    await new Promise(() => {}); // the page goes: nobody need say anything any more
  };
  const atLogin = () => window.location.pathname === '/login';
  const back = () => window.location.replace(`/login/back${window.location.search}${window.location.hash}`);
  const ended = async () => (await fetched('/api/me').catch(() => null))?.status === 401; // the server may be away: no sign of anything

  window.fetch = async (resource, options) => {
    if (path(resource) === '/project/thread' && options?.method === 'PUT') return renamed(resource, options);
    if (path(resource) === '/set-session-cookie') return inOrder(resource, options);
    const answer = await patient(resource, options);
    if (path(resource) === '/login' && answer.status === 401) await onward(answer.clone());
    if (path(resource) === '/user' && answer.ok && atLogin() && new URLSearchParams(window.location.search).has('to')) await leave(back);
    if (answer.status === 401 && !atLogin() && (await ended())) await leave(() => window.location.reload());
    if (path(resource) === '/project/threads') await listed(answer.clone());
    return answer;
  };

  const Socket = window.WebSocket;
  const welcome = async ({ code }) => {
    if (code === 1000 || code === 1005) return; // the page closed it
    if (!atLogin() && (await ended())) window.location.reload();
  };
  window.WebSocket = class extends Socket {
    constructor(...given) {
      super(...given);
      this.addEventListener('close', welcome);
    }
  };

  // What can be done about the missions of this conversation, as the server tells it; see steering.js.
  const missions = new Map();
  window.staffwork = { missions };
  window.addEventListener('message', (event) => {
    if (event.source !== window || event.data?.steering === undefined) return;
    event.stopImmediatePropagation(); // Chainlit's page would send it back
    const view = event.data.steering;
    if (view === null) missions.clear();
    else if (view.state === 'ended') missions.delete(view.mission);
    else missions.set(view.mission, view);
    window.dispatchEvent(new Event('staffwork:steering'));
  });

  // What the server says of this page: how much it shows of the conversation, and where a place is; see earlier.js.
  for (const name of ['shown', 'place']) {
    window.addEventListener('message', (event) => {
      if (event.source !== window || event.data?.[name]?.constructor !== Object) return;
      event.stopImmediatePropagation();
      window.staffwork[name] = event.data[name];
      window.dispatchEvent(new Event(`staffwork:${name}`));
    });
  }

  // What is said of the composer before its script is there waits for it; see choosing.js.
  const early = (event) => {
    const { source, data } = event;
    if (source !== window || (data?.choosing === undefined && data?.said === undefined)) return;
    event.stopImmediatePropagation();
    window.staffwork.early.push(data);
  };
  window.staffwork.early = [];
  window.addEventListener('message', early);
  window.staffwork.choosingIsHere = () => window.removeEventListener('message', early);

  window.addEventListener('message', ({ source, data }) => {
    if (source !== window || typeof data?.conversation !== 'string' || window.location.pathname !== '/') return;
    const state = { usr: null, key: data.conversation.slice(0, 8), idx: (window.history.state?.idx ?? 0) + 1 };
    window.history.pushState(state, '', `/thread/${encodeURIComponent(data.conversation)}`);
    window.dispatchEvent(new PopStateEvent('popstate', { state })); // the page's router looks at the address now
  });

  for (const part of ['watching', 'branching', 'parts', 'naming', 'menu', 'keyboard', 'announcing', 'steering_cards', 'steering_approvals', 'steering_plans', 'steering', 'choosing', 'sharing', 'opinions', 'artifact_links', 'file_cards', 'file_uses', 'news', 'earlier', 'order', 'temporary']) {
    const script = document.createElement('script');
    document.head.append(Object.assign(script, { src: `/public/${part}.js`, async: false })); // in this order
  }
})();
