public import Age
internal import Model

/// What becomes of a run's file when what was loaded is verified.
public struct FileRetention: Sendable, Equatable {
    /// For how long it is kept, in microseconds; nil: it is deleted at once.
    public var time: Int64?
    /// Whom a kept file is encrypted for; it is readable for whoever reads the data folder if there is none.
    public var recipients: [AgeRecipient] = []

    public init(time: Int64? = nil, recipients: [AgeRecipient] = []) {
        self.time = time
        self.recipients = recipients
    }

    /// An hour to ten years.
    private static let times: ClosedRange<Int64> = 3_600_000_000...(3_650 * 86_400_000_000)

    init(_ node: DocumentNode) throws(PipelineError) {
        let known = try node.map(["files", "encrypt"])
        if let files = known["files"], (try? files.text()) != "until_verified" {
            guard let time = try? files.duration(), Self.times.contains(time) else {
                throw files.error("here should be until_verified, or for how long files are kept: 1h to 3650d")
            }
            self.time = time
        }
        guard let found = known["encrypt"] else { return }
        guard time != nil else { throw found.error("files that are not kept are not encrypted: say \"files: 7d\"") }
        for text in try found.texts("age1…, or a list of such") {
            do { recipients.append(try AgeRecipient(text)) } catch { throw found.error(error.message) }
        }
    }
}
