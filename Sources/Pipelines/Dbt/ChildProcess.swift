internal import CSpawn
internal import Glibc
internal import Synchronization
internal import Threads

/// Another program, in a group of processes of its own, with no files of ours but the one that it writes to.
final class ChildProcess: Sendable {
    enum End: Sendable, Equatable, CustomStringConvertible {
        case exited(Int32)
        case killed(Int32)

        var description: String {
            switch self {
            case .exited(let code): "ended with \(code)"
            case .killed(let signal): "was ended by signal \(signal)"
            }
        }
    }

    private let process: pid_t
    private let isOver = Mutex(false)
    /// How long it may take to end by itself once it is asked to, in seconds.
    private static let grace: UInt32 = 5

    /// Starts it. Blocks.
    ///
    /// - Parameters:
    ///   - folder: where it works.
    ///   - output: the file that takes what it says.
    init(
        program: String, arguments: [String], environment: [String: String], folder: String, output: String
    ) throws(PipelineError) {
        // The texts are copied for the call and freed after it.
        var words: [UnsafeMutablePointer<CChar>?] = unsafe ([program] + arguments).map { unsafe strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] =
            unsafe environment.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
        defer { unsafe (words + variables).forEach { unsafe free($0) } }
        var made: pid_t = 0
        let code = unsafe sluice_spawn(program, &words, &variables, folder, output, &made)
        guard code == 0 else {
            // strerror's text is copied at once.
            let reason = unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
            throw PipelineError(
                .dbt, "\(program) cannot be run: \(reason)", isTransient: code == EAGAIN || code == ENOMEM)
        }
        process = made
    }

    /// Waits until it is over; one whose task is cancelled is ended.
    func wait() async throws -> End {
        try await withTaskCancellationHandler {
            try await OwnThread.run { self.reap() }
        } onCancel: {
            stop()
        }
    }

    /// Asks it to end, and has it killed if it does not.
    private func stop() {
        guard signal(SIGINT) else { return }
        let child = self
        do {
            try SystemThread.start {
                for _ in 0..<Self.grace * 10 where child.isOver.withLock({ !$0 }) { usleep(100_000) }
                child.signal(SIGKILL)
            }
        } catch {
            signal(SIGKILL)
        }
    }

    /// Signals its group, unless it is over: then the number may be somebody else's.
    @discardableResult
    private func signal(_ number: Int32) -> Bool {
        isOver.withLock { isOver in
            guard !isOver else { return false }
            kill(-process, number)
            return true
        }
    }

    private func reap() -> End {
        // It is left unreaped until nobody signals it any more, so that its number stays its own.
        var info = unsafe siginfo_t()
        while unsafe waitid(P_PID, id_t(process), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        isOver.withLock { isOver in
            isOver = true
            // What it started and left behind ends with it.
            kill(-process, SIGKILL)
        }
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
        return status & 0x7f == 0 ? .exited((status >> 8) & 0xff) : .killed(status & 0x7f)
    }
}
