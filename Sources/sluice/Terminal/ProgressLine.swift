import Glibc

/// One line on a terminal that is drawn again as work goes on; nothing at all in a pipe.
struct ProgressLine {
    private static let interval = Duration.milliseconds(100)

    private let enabled: Bool
    private var drawn = false
    private var lastDraw = ContinuousClock.now

    init(enabled: Bool = Terminal.isInteractive) { self.enabled = enabled }

    /// Shows a text, and a bar if the share of the work that is done (0 to 1) is known.
    mutating func show(_ text: String, share: Double? = nil) {
        guard enabled else { return }
        let now = ContinuousClock.now
        guard !drawn || now - lastDraw >= Self.interval else { return }
        lastDraw = now
        drawn = true
        let bar = share.map { Self.bar($0) + " " } ?? ""
        try? Terminal.write(Array("\r\u{1b}[2K\(bar)\(text)".utf8), to: STDERR_FILENO)
    }

    /// Removes the line.
    mutating func clear() {
        guard drawn else { return }
        drawn = false
        try? Terminal.write(Array("\r\u{1b}[2K".utf8), to: STDERR_FILENO)
    }

    /// `[####------]  40 %`
    static func bar(_ share: Double) -> String {
        let width = 24
        let clamped = min(max(share, 0), 1)
        let full = Int(clamped * Double(width))
        let percent = String(Int(clamped * 100))
        let padding = String(repeating: " ", count: 3 - percent.count)
        return "[" + String(repeating: "#", count: full) + String(repeating: "-", count: width - full)
            + "] \(padding)\(percent) %"
    }
}
