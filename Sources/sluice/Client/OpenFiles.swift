internal import Glibc

/// How many files the process may have open.
enum OpenFiles {
    /// Raises the limit to what the operator allows at most: connections and cold files can be more than the usual 1,024. Best
    /// effort: where it cannot be raised, it stays as it is.
    static func raiseLimit() {
        var limit = rlimit()
        // Both calls read and write this one value alone.
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        // Some systems allow a thousand million, by which child processes that close all of them would be held up.
        limit.rlim_cur = max(limit.rlim_cur, min(limit.rlim_max, 65_536))
        unsafe _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
