/* Loaded before the C library (LD_PRELOAD): lets the n-th change or read of files below a folder
   fail, or end the process in its middle, whichever library makes it; and shifts the wall clock.

   Counted as changes: creating, writing, flushing, renaming, linking and removing. Nothing happens
   before faults_arm() is called. Reads through mmap and stdio are not seen. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { CHANGE, CHANGE_OF_OTHERS, READ, KINDS };
enum { GROWS, SHRINKS };

static char root[PATH_MAX], apart[PATH_MAX];
static int watched, failing_with, ending_by;
static long at, counted[KINDS], shift_s;
static ino_t bad_file;

#define REAL(name)                                        \
    ({                                                    \
        static __typeof__(&name) found;                   \
        if (!found) found = dlsym(RTLD_NEXT, #name);      \
        found;                                            \
    })

/* Calls below `folder` are counted from now on: changes, changes of what does not lie below `other`,
   and reads. From the n-th of the kind `what` on calls fail with `error`; or the n-th sends the
   process the signal `number`. With n = 0 nothing happens. */
void faults_arm(const char *folder, const char *other, int what, long n, int error, int number) {
    snprintf(apart, sizeof apart, "%s", other);
    memset(counted, 0, sizeof counted);
    bad_file = 0, at = n, failing_with = error, ending_by = number, watched = what;
    snprintf(root, sizeof root, "%s", folder);
}
long faults_counted(int what) { return counted[what]; }
void faults_clock(long seconds) { shift_s = seconds; }

static int lies_in(const char *path, const char *folder) {
    size_t length = strlen(folder);
    if (length == 0 || strncmp(path, folder, length)) return 0;
    return path[length] == '/' || path[length] == '\0';
}

/* Whether a file lies below the root; if so, `whole` is its path. */
static int is_below(int folder, const char *path, char whole[PATH_MAX]) {
    char link[64];
    if (root[0] == '\0') return 0;
    if (path != NULL && path[0] == '/') {
        snprintf(whole, PATH_MAX, "%s", path);
    } else {
        const char *of = folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d";
        snprintf(link, sizeof link, of, folder);
        ssize_t length = readlink(link, whole, PATH_MAX - 1);
        if (length < 0) return 0;
        whole[length] = '\0';
    }
    return lies_in(whole, root);
}

/* -1: the call is to fail; 1: the signal is to be sent; 0: nothing happens. */
static int changed(int folder, const char *path, int how) {
    char whole[PATH_MAX];
    if (!is_below(folder, path, whole)) return 0;
    int is_apart = lies_in(whole, apart);
    long all = __atomic_add_fetch(&counted[CHANGE], 1, __ATOMIC_SEQ_CST);
    long others = __atomic_add_fetch(&counted[CHANGE_OF_OTHERS], !is_apart, __ATOMIC_SEQ_CST);
    long now = watched == CHANGE ? all : others;
    if (watched == READ || at <= 0 || now < at) return 0;
    if (ending_by) return now == at && (watched == CHANGE || !is_apart);
    if (failing_with == ENOSPC && how == SHRINKS) return 0;
    errno = failing_with;
    return -1;
}

#define CHANGES(folder, path, how)                  \
    do {                                            \
        int now = changed(folder, path, how);       \
        if (now < 0) return -1;                     \
        if (now > 0) kill(getpid(), ending_by);     \
    } while (0)

/* Killed, a process has written half. */
#define WRITES(file, half)                          \
    do {                                            \
        int now = changed(file, NULL, GROWS);       \
        if (now < 0) return -1;                     \
        if (now > 0 && ending_by == SIGKILL) half;  \
        if (now > 0) kill(getpid(), ending_by);     \
    } while (0)

ssize_t write(int file, const void *from, size_t count) {
    WRITES(file, REAL(write)(file, from, count / 2));
    return REAL(write)(file, from, count);
}
ssize_t pwrite(int file, const void *from, size_t count, off_t offset) {
    WRITES(file, REAL(pwrite)(file, from, count / 2, offset));
    return REAL(pwrite)(file, from, count, offset);
}
ssize_t pwrite64(int file, const void *from, size_t count, off64_t offset) {
    WRITES(file, REAL(pwrite64)(file, from, count / 2, offset));
    return REAL(pwrite64)(file, from, count, offset);
}
int fsync(int file) { CHANGES(file, NULL, SHRINKS); return REAL(fsync)(file); }
int fdatasync(int file) { CHANGES(file, NULL, SHRINKS); return REAL(fdatasync)(file); }
int ftruncate(int file, off_t length) { CHANGES(file, NULL, SHRINKS); return REAL(ftruncate)(file, length); }
int ftruncate64(int file, off64_t length) { CHANGES(file, NULL, SHRINKS); return REAL(ftruncate64)(file, length); }
int rename(const char *from, const char *to) { CHANGES(AT_FDCWD, to, SHRINKS); return REAL(rename)(from, to); }
int renameat(int one, const char *from, int two, const char *to) {
    CHANGES(two, to, SHRINKS);
    return REAL(renameat)(one, from, two, to);
}
int renameat2(int one, const char *from, int two, const char *to, unsigned flags) {
    CHANGES(two, to, SHRINKS);
    return REAL(renameat2)(one, from, two, to, flags);
}
int link(const char *from, const char *to) { CHANGES(AT_FDCWD, to, GROWS); return REAL(link)(from, to); }
int unlink(const char *path) { CHANGES(AT_FDCWD, path, SHRINKS); return REAL(unlink)(path); }
int unlinkat(int folder, const char *path, int flags) {
    CHANGES(folder, path, SHRINKS);
    return REAL(unlinkat)(folder, path, flags);
}
int rmdir(const char *path) { CHANGES(AT_FDCWD, path, SHRINKS); return REAL(rmdir)(path); }
int mkdir(const char *path, mode_t mode) { CHANGES(AT_FDCWD, path, GROWS); return REAL(mkdir)(path, mode); }

#define OPENS(folder, path, call)                                          \
    mode_t mode = 0;                                                       \
    if (flags & O_CREAT) {                                                 \
        va_list rest;                                                      \
        va_start(rest, flags);                                             \
        mode = va_arg(rest, mode_t);                                       \
        va_end(rest);                                                      \
    }                                                                      \
    if (flags & (O_CREAT | O_TRUNC)) CHANGES(folder, path, GROWS);         \
    return call

int open(const char *path, int flags, ...) { OPENS(AT_FDCWD, path, REAL(open)(path, flags, mode)); }
int open64(const char *path, int flags, ...) { OPENS(AT_FDCWD, path, REAL(open64)(path, flags, mode)); }
int openat(int folder, const char *path, int flags, ...) {
    OPENS(folder, path, REAL(openat)(folder, path, flags, mode));
}
int openat64(int folder, const char *path, int flags, ...) {
    OPENS(folder, path, REAL(openat64)(folder, path, flags, mode));
}

/* A file that could not be read once stays unreadable, as on a disk with a bad sector. */
static int unreadable(int file) {
    char whole[PATH_MAX];
    struct stat found;
    if (!is_below(file, NULL, whole) || fstat(file, &found) || !S_ISREG(found.st_mode)) return 0;
    long now = __atomic_add_fetch(&counted[READ], 1, __ATOMIC_SEQ_CST);
    if (watched != READ || at <= 0) return 0;
    if (now == at) bad_file = found.st_ino;
    return found.st_ino == bad_file;
}

#define READS(file, call)            \
    if (unreadable(file)) {          \
        errno = EIO;                 \
        return -1;                   \
    }                                \
    return call

ssize_t read(int file, void *to, size_t count) { READS(file, REAL(read)(file, to, count)); }
ssize_t pread(int file, void *to, size_t count, off_t offset) {
    READS(file, REAL(pread)(file, to, count, offset));
}
ssize_t pread64(int file, void *to, size_t count, off64_t offset) {
    READS(file, REAL(pread64)(file, to, count, offset));
}

int clock_gettime(clockid_t which, struct timespec *told) {
    int failed = REAL(clock_gettime)(which, told);
    if (!failed && which == CLOCK_REALTIME) told->tv_sec += shift_s;
    return failed;
}
int gettimeofday(struct timeval *told, void *zone) {
    int failed = REAL(gettimeofday)(told, zone);
    if (!failed) told->tv_sec += shift_s;
    return failed;
}
time_t time(time_t *told) {
    time_t now = REAL(time)(NULL) + shift_s;
    if (told) *told = now;
    return now;
}
