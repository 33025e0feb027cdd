import Glibc

/// The three streams of the process. Answers go to standard output, everything else to standard error.
enum Terminal {
    /// Whether standard error is watched by a person, so that progress may be drawn on it.
    static let isInteractive = isatty(STDERR_FILENO) == 1

    /// Writes a line to standard output.
    static func line(_ text: String = "") throws { try write(Array((text + "\n").utf8), to: STDOUT_FILENO) }

    /// Writes a line to standard error.
    static func note(_ text: String) {
        // Nobody is left to be told when standard error itself fails.
        try? write(Array((text + "\n").utf8), to: STDERR_FILENO)
    }

    /// Says on standard error why the command failed. The reason may hold what a server or a file says.
    /// What was found in several places is a line each.
    static func error(_ message: String) {
        for line in message.split(separator: "\n") { note("sluice: " + Text.visible(String(line))) }
    }

    /// Writes all bytes to an open file.
    static func write(_ bytes: [UInt8], to descriptor: Int32) throws {
        var at = 0
        while at < bytes.count {
            // The pointer lives for this call only.
            let written = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress?.advanced(by: at), bytes.count - at)
            }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else {
                guard errno != EPIPE else { throw Failure(.failed, "the program that read the output closed it") }
                throw Failure(.failed, "cannot write the output: \(systemReason())")
            }
            at += written
        }
    }
}

/// What the system says about the error that has just happened.
func systemReason(_ number: Int32 = errno) -> String {
    // strerror's text is copied at once.
    unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
}
