globalThis.moduleRan = true;
