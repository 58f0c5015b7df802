// Loads the game: the team's own script, or the small one that comes with the phone.
(() => {
  const load = (src) => {
    const script = document.createElement('script');
    script.src = src;
    script.onerror = () => parent.phone.log(`${src}: not loaded`);
    document.body.append(script);
  };
  const theme = parent.document.documentElement.dataset.theme;
  if (theme) document.documentElement.dataset.theme = theme;
  addEventListener('error', (event) => parent.phone.log(`error: ${event.message}`));
  if (parent.phone.game) {
    document.body.classList.add('own-game');
    load(parent.phone.game);
  } else {
    load('/phone/game.js');
  }
})();
