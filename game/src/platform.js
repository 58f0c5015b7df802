/** Whether `version` is at least `wanted`; an unknown version counts as new. */
function atLeast(version, wanted) {
  const have = version.split('.').map(Number);
  const want = wanted.split('.').map(Number);
  const differs = want.findIndex((part, i) => (have[i] || 0) !== part);
  return differs < 0 || !((have[differs] || 0) < want[differs]);
}

/** Version of WeChat's base library, '' if it does not say one. */
function baseLibrary(wx) {
  try {
    const info = wx.getAppBaseInfo ? wx.getAppBaseInfo() : wx.getSystemInfoSync();
    return /^\d[\d.]*$/.test(info.SDKVersion) ? info.SDKVersion : '';
  } catch (e) {
    return '';
  }
}

/** Whether this phone's base library is at least `wanted`. */
export function isSince(wx, wanted) {
  const version = baseLibrary(wx);
  return !version || atLeast(version, wanted);
}

/** Whether `wx[api]`, which came with base library `since`, may be called. */
export function supports(wx, api, since) {
  if (typeof wx[api] !== 'function') return false;
  if (baseLibrary(wx)) return isSince(wx, since);
  try {
    return !wx.canIUse || wx.canIUse(api) !== false;
  } catch (e) {
    return true;
  }
}
