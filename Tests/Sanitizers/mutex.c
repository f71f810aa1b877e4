// Preloaded under the thread sanitizer: tells it of Swift's `Mutex` where threads meet in it.
//
// A mutex that nobody else wants is taken and given back by atomic operations in our own code, which the sanitizer sees.
// Where somebody waits, the Synchronization library and the kernel do it, neither of them built for the sanitizer: it
// would call everything under such a lock a race. The two functions that the library has for this are replaced by ones
// that call them and say what they did.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

// `Synchronization._MutexHandle._lockSlow(UInt32) -> ()` and `_unlockSlow() -> ()`
#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

// Parts of the sanitizer; absent in the processes that start the tests and are not built for it.
extern void __tsan_acquire(void *) __attribute__((weak));
extern void __tsan_release(void *) __attribute__((weak));

typedef SWIFT void (*lock_function)(uint32_t, SELF void *);
typedef SWIFT void (*unlock_function)(SELF void *);

SWIFT void lock_slow(uint32_t thread, SELF void *mutex) __asm__(LOCK_SLOW);
SWIFT void unlock_slow(SELF void *mutex) __asm__(UNLOCK_SLOW);

static void *real(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    if (!function) abort();
    return function;
}

SWIFT void lock_slow(uint32_t thread, SELF void *mutex) {
    static _Atomic(lock_function) known;
    if (!known) known = (lock_function)real(LOCK_SLOW);
    known(thread, mutex);
    if (__tsan_acquire) __tsan_acquire(mutex);
}

SWIFT void unlock_slow(SELF void *mutex) {
    static _Atomic(unlock_function) known;
    if (!known) known = (unlock_function)real(UNLOCK_SLOW);
    if (__tsan_release) __tsan_release(mutex);
    known(mutex);
}
