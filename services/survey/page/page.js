// Keeps a half-written comment in this tab until it is saved. All else works without it.
(function () {
  try {
    var store = sessionStorage, here = location.pathname + " ", i, key;
    if (document.querySelector(".panel")) {
      for (i = store.length; i--;) if ((key = store.key(i)).indexOf(here) === 0) store.removeItem(key);
    }
    document.querySelectorAll("textarea").forEach(function (text) {
      var key = here + text.name;
      if (text.value) store.removeItem(key); else text.value = store.getItem(key) || "";
      text.oninput = function () { store.setItem(key, text.value) };
    });
  } catch (e) {}
})();
