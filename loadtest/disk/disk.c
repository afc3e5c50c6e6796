/* Stands between a program and the disk: writes down what it does to the files below one folder, so
 * that the folder can be rebuilt as a power cut at any moment would have left it; and lets calls
 * fail while the program runs.
 *
 * Loaded with LD_PRELOAD. DISK_ROOT is the folder (an absolute path without links), DISK_TRACE the
 * file that the record is appended to, DISK_CONTROL a file with a `struct control` that whoever
 * watches may change at any time. Each may be left out. Only calls of libc through its dynamic
 * symbols are seen, which is how Rust's library and a SQLite inside the binary make them; the
 * reader of the record compares its last state with the real files, so a call that is missing here
 * does not go unnoticed.
 *
 * The index of SQLite's write-ahead log (`-shm`) is memory that happens to have a name: it is not
 * recorded, and a power cut always loses it. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Shared with the reader of the record: see record.rs. */
enum kind { START, CREATE, OPEN, WRITE, TRUNCATE, SYNC, UNLINK, RENAME, MKDIR };

struct record {
    uint32_t kind, failed;
    uint32_t handle, length; /* bytes that follow: what was written, or a path */
    uint64_t begin, end;     /* CLOCK_MONOTONIC in nanoseconds, around the call */
    uint64_t at;             /* offset of a write, new size of a truncation */
};

/* Shared with whoever sets the faults: see faults.rs. */
struct control {
    volatile uint32_t full;        /* writes that make a file longer fail: no space left */
    volatile uint32_t write_fails; /* every write fails: input/output error */
    volatile uint32_t sync_fails;  /* every n-th sync fails: input/output error; 0: none */
    volatile uint32_t sync_delay;  /* microseconds that a sync takes longer */
    volatile uint32_t sync_lies;   /* syncs of a write-ahead log are not recorded */
    volatile uint32_t halted;      /* nothing is changed until this is taken back */
    uint32_t refused_writes, refused_syncs, syncs; /* counted here, for the watcher */
    uint32_t under_way;            /* calls that may be done and not written down yet */
};

enum { HANDLES = 1 << 16, UNRECORDED = 1, IS_LOG = 2 };

/* What is known of a descriptor; handle 0 is a file that does not concern us. */
static struct {
    uint32_t handle, traits;
} open_files[HANDLES];

static char root[4096];
static size_t root_length;
static int trace = -1;
static struct control none, *control = &none;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t next_handle = 1;

#define REAL(name, type, ...)                                                                      \
    static type (*real_##name)(__VA_ARGS__);                                                       \
    static void find_##name(void) {                                                                \
        if (!real_##name) *(void **)&real_##name = dlsym(RTLD_NEXT, #name);                        \
    }

REAL(open, int, const char *, int, ...)
REAL(open64, int, const char *, int, ...)
REAL(close, int, int)
REAL(write, ssize_t, int, const void *, size_t)
REAL(writev, ssize_t, int, const struct iovec *, int)
REAL(pwrite, ssize_t, int, const void *, size_t, off_t)
REAL(pwrite64, ssize_t, int, const void *, size_t, off64_t)
REAL(ftruncate, int, int, off_t)
REAL(ftruncate64, int, int, off64_t)
REAL(fsync, int, int)
REAL(fdatasync, int, int)
REAL(unlink, int, const char *)
REAL(rename, int, const char *, const char *)
REAL(mkdir, int, const char *, mode_t)

static uint64_t now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

/* A program that is killed between a call and its record would leave a hole there. Who wants to kill
 * it halts it first, and waits until nothing is under way. Syncs count only when they returned. */
static void enter(void) {
    for (;;) {
        __atomic_add_fetch(&control->under_way, 1, __ATOMIC_SEQ_CST);
        if (!__atomic_load_n(&control->halted, __ATOMIC_SEQ_CST)) return;
        __atomic_sub_fetch(&control->under_way, 1, __ATOMIC_SEQ_CST);
        usleep(100);
    }
}

static void leave(void) { __atomic_sub_fetch(&control->under_way, 1, __ATOMIC_SEQ_CST); }

/* One call, one record: it is whole in the file even if the program is killed the next moment. */
static void note(struct record record, const void *bytes) {
    if (trace < 0) return;
    struct iovec parts[2] = {{&record, sizeof record}, {(void *)bytes, record.length}};
    find_writev();
    pthread_mutex_lock(&lock);
    ssize_t done = real_writev(trace, parts, record.length ? 2 : 1);
    pthread_mutex_unlock(&lock);
    /* A record with a hole would prove nothing. */
    if (done != (ssize_t)(sizeof record + record.length)) abort();
}

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("DISK_ROOT");
    const char *record = getenv("DISK_TRACE");
    const char *faults = getenv("DISK_CONTROL");
    if (!folder || strlen(folder) >= sizeof root - 1) return;
    find_open();
    find_close();
    if (faults) {
        int fd = real_open(faults, O_RDWR | O_CLOEXEC);
        void *shared = fd < 0 ? MAP_FAILED
                              : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (shared == MAP_FAILED) abort();
        control = shared;
        __atomic_store_n(&control->under_way, 0, __ATOMIC_SEQ_CST);
        real_close(fd);
    }
    if (record) {
        trace = real_open(record, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (trace < 0) abort();
    }
    strcpy(root, folder);
    root_length = strlen(root);
    note((struct record){.kind = START, .begin = now(), .end = now()}, NULL);
}

/* Uploads: nobody sends any here, and they are taken away by calls that are not noted. */
static const char uploads[] = "/kept/files";

static int is_at_or_below(const char *path, const char *folder, size_t length) {
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static int concerns_us(const char *path) {
    return root_length > 0 && path && is_at_or_below(path, root, root_length) &&
           !is_at_or_below(path + root_length, uploads, sizeof uploads - 1);
}

static int ends_with(const char *path, const char *end) {
    size_t length = strlen(path), tail = strlen(end);
    return length >= tail && strcmp(path + length - tail, end) == 0;
}

static uint32_t handle_of(int fd) {
    return fd >= 0 && fd < HANDLES ? open_files[fd].handle : 0;
}

static int is_recorded(int fd) { return !(open_files[fd].traits & UNRECORDED); }

/* A path as it is recorded: below the folder, without the slash before it. */
static const char *below(const char *path) {
    path += root_length;
    return *path == '/' ? path + 1 : path;
}

static void note_name(uint32_t kind, uint32_t handle, uint64_t begin, const char *path) {
    path = below(path);
    note((struct record){.kind = kind, .handle = handle, .length = (uint32_t)strlen(path),
                         .begin = begin, .end = now()},
         path);
}

static int open_any(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode) {
    if (!concerns_us(path)) {
        int fd = real(path, flags, mode);
        if (fd >= 0 && fd < HANDLES) open_files[fd].handle = 0;
        return fd;
    }
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    enter();
    pthread_mutex_lock(&one_at_a_time);
    uint64_t begin = now();
    int was_there = access(path, F_OK) == 0;
    int fd = real(path, flags, mode);
    int why = errno;
    if (fd >= HANDLES) abort();
    if (fd >= 0) {
        uint32_t handle = __atomic_fetch_add(&next_handle, 1, __ATOMIC_RELAXED);
        open_files[fd].handle = handle;
        open_files[fd].traits = ends_with(path, "-shm") ? UNRECORDED
                                : ends_with(path, "-wal") ? IS_LOG : 0;
        if (is_recorded(fd)) {
            note_name(was_there ? OPEN : CREATE, handle, begin, path);
            if (was_there && (flags & O_TRUNC))
                note((struct record){.kind = TRUNCATE, .handle = handle, .begin = begin, .end = now()},
                     NULL);
        }
    }
    pthread_mutex_unlock(&one_at_a_time);
    leave();
    errno = why;
    return fd;
}

#define MODE(flags, mode)                                                                          \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                         \
        va_list more;                                                                              \
        va_start(more, flags);                                                                     \
        mode = va_arg(more, mode_t);                                                               \
        va_end(more);                                                                              \
    }

int open(const char *path, int flags, ...) {
    mode_t mode = 0;
    MODE(flags, mode)
    find_open();
    return open_any(real_open, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    mode_t mode = 0;
    MODE(flags, mode)
    find_open64();
    return open_any(real_open64, path, flags, mode);
}

int close(int fd) {
    find_close();
    if (fd >= 0 && fd < HANDLES) open_files[fd].handle = 0;
    return real_close(fd);
}

/* How many of these bytes a write may take now; -1 when it is to fail. A disk that fills up takes
 * what still fits: half of a large write here. */
static ssize_t admitted(int fd, size_t length, off64_t at) {
    if (control->write_fails) {
        errno = EIO;
    } else if (control->full) {
        struct stat file;
        if (fstat(fd, &file) == 0 && at + (off64_t)length <= file.st_size) return (ssize_t)length;
        if (length >= 1024) return (ssize_t)(length / 2);
        errno = ENOSPC;
    } else {
        return (ssize_t)length;
    }
    __atomic_fetch_add(&control->refused_writes, 1, __ATOMIC_RELAXED);
    return -1;
}

static ssize_t write_noted(int fd, const void *bytes, size_t length, off64_t at) {
    uint64_t begin = now();
    ssize_t room = admitted(fd, length, at);
    if (room < 0) return -1;
    find_pwrite64();
    ssize_t done = real_pwrite64(fd, bytes, (size_t)room, at);
    if (done > 0 && is_recorded(fd)) {
        int why = errno;
        note((struct record){.kind = WRITE, .handle = open_files[fd].handle, .length = (uint32_t)done,
                             .begin = begin, .end = now(), .at = (uint64_t)at},
             bytes);
        errno = why;
    }
    return done;
}

static ssize_t write_at(int fd, const void *bytes, size_t length, off64_t at) {
    enter();
    ssize_t done = write_noted(fd, bytes, length, at);
    leave();
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    find_pwrite();
    return handle_of(fd) ? write_at(fd, bytes, length, at) : real_pwrite(fd, bytes, length, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    find_pwrite64();
    return handle_of(fd) ? write_at(fd, bytes, length, at) : real_pwrite64(fd, bytes, length, at);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    find_write();
    if (!handle_of(fd)) return real_write(fd, bytes, length);
    off64_t at = lseek64(fd, 0, SEEK_CUR);
    ssize_t done = write_at(fd, bytes, length, at);
    if (done > 0) lseek64(fd, at + done, SEEK_SET);
    return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    find_writev();
    if (!handle_of(fd)) return real_writev(fd, parts, count);
    /* A short write is an answer, too. */
    return count > 0 ? write(fd, parts[0].iov_base, parts[0].iov_len) : 0;
}

static int truncate_noted(int fd, off64_t size) {
    find_ftruncate64();
    uint64_t begin = now();
    if (admitted(fd, 0, size) < 0) return -1;
    int done = real_ftruncate64(fd, size);
    if (done == 0 && is_recorded(fd))
        note((struct record){.kind = TRUNCATE, .handle = open_files[fd].handle, .begin = begin,
                             .end = now(), .at = (uint64_t)size},
             NULL);
    return done;
}

static int truncate_any(int fd, off64_t size) {
    enter();
    int done = truncate_noted(fd, size);
    leave();
    return done;
}

int ftruncate(int fd, off_t size) {
    find_ftruncate();
    return handle_of(fd) ? truncate_any(fd, size) : real_ftruncate(fd, size);
}

int ftruncate64(int fd, off64_t size) {
    find_ftruncate64();
    return handle_of(fd) ? truncate_any(fd, size) : real_ftruncate64(fd, size);
}

static int sync_any(int (*real)(int), int fd) {
    if (!handle_of(fd)) return real(fd);
    uint64_t begin = now();
    if (control->sync_delay) usleep(control->sync_delay);
    uint32_t count = __atomic_add_fetch(&control->syncs, 1, __ATOMIC_RELAXED);
    uint32_t every = control->sync_fails;
    int is_refused = every > 0 && count % every == 0;
    int done = is_refused ? -1 : real(fd), why = is_refused ? EIO : errno;
    if (is_refused) __atomic_fetch_add(&control->refused_syncs, 1, __ATOMIC_RELAXED);
    int is_lie = control->sync_lies && (open_files[fd].traits & IS_LOG);
    if (is_recorded(fd) && !is_lie)
        note((struct record){.kind = SYNC, .failed = done != 0, .handle = open_files[fd].handle,
                             .begin = begin, .end = now()},
             NULL);
    errno = why;
    return done;
}

int fsync(int fd) {
    find_fsync();
    return sync_any(real_fsync, fd);
}

int fdatasync(int fd) {
    find_fdatasync();
    return sync_any(real_fdatasync, fd);
}

int unlink(const char *path) {
    find_unlink();
    if (!concerns_us(path)) return real_unlink(path);
    enter();
    uint64_t begin = now();
    int done = real_unlink(path);
    if (done == 0 && !ends_with(path, "-shm")) note_name(UNLINK, 0, begin, path);
    leave();
    return done;
}

static int rename_noted(const char *from, const char *to) {
    uint64_t begin = now();
    int done = real_rename(from, to);
    if (done != 0) return done;
    char both[2 * sizeof root];
    size_t first = strlen(below(from)) + 1, second = strlen(below(to));
    if (first + second > sizeof both) abort();
    memcpy(both, below(from), first);
    memcpy(both + first, below(to), second);
    note((struct record){.kind = RENAME, .length = (uint32_t)(first + second), .begin = begin,
                         .end = now()},
         both);
    return done;
}

int rename(const char *from, const char *to) {
    find_rename();
    if (!concerns_us(from) || !concerns_us(to)) return real_rename(from, to);
    enter();
    int done = rename_noted(from, to);
    leave();
    return done;
}

int mkdir(const char *path, mode_t mode) {
    find_mkdir();
    if (!concerns_us(path)) return real_mkdir(path, mode);
    enter();
    uint64_t begin = now();
    int done = real_mkdir(path, mode);
    if (done == 0) note_name(MKDIR, 0, begin, path);
    leave();
    return done;
}
