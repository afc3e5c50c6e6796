/**
 * One record that all tabs see alike. `localStorage` is not enough for that: a browser keeps a copy
 * of it in each process and brings them together some time later, so that a tab which was just
 * given a lock can still read what was there before. IndexedDB is answered by one place.
 */
const NAME = "moim";
const STORE = "kept";
const KEY = "tokens";

/** @returns {Promise<any>} the record, null when there is none or it cannot be known */
export function readVault() {
  return transact("readonly", (store) => store.get(KEY)).then((kept) => kept ?? null, () => null);
}

/** @param {any} record or null to forget it */
export function writeVault(record) {
  const write = (/** @type {IDBObjectStore} */ store) => (record ? store.put(record, KEY) : store.delete(KEY));
  // Where there is no IndexedDB the tabs are on their own.
  return transact("readwrite", write).catch(() => {});
}

/**
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest} work
 * @returns {Promise<any>}
 */
async function transact(mode, work) {
  const database = await open();
  try {
    return await new Promise((done, failed) => {
      const transaction = database.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => done(request.result);
      transaction.onabort = transaction.onerror = () => failed(transaction.error);
    });
  } finally {
    database.close();
  }
}

/** @returns {Promise<IDBDatabase>} */
function open() {
  return new Promise((done, failed) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => done(request.result);
    request.onerror = request.onblocked = () => failed(request.error);
  });
}
