public import Destinations

/// What a run covers: everything stored after `from` and up to `to`.
public struct Window: Sendable, Equatable {
    public let from: Int64
    public let to: Int64
    /// Why it begins there, where that is not simply where the last one ended; for people.
    public let note: String?

    /// - Parameters:
    ///   - watermark: up to where a verified load came, by our own account; nil if there was none.
    ///   - position: up to where rows are, by the destination's.
    ///   - pinned: everything up to it counts.
    public init(
        watermark: Int64?, position: LoadPosition, pinned: Int64, isIncremental: Bool
    ) throws(PipelineError) {
        guard isIncremental else {
            (from, to, note) = (0, pinned, nil)
            return
        }
        let ours = watermark ?? 0
        switch position {
        case .unknown:
            from = ours
            note = nil
        case .empty:
            // Somebody removed what was loaded: there is no half of it to go on from.
            from = 0
            note = ours > 0 ? "nothing is at the destination any more: everything is loaded again" : nil
        case .upTo(let theirs) where theirs > ours:
            // A load arrived whose end we did not hear of.
            from = theirs
            note = ours > 0 ? "the destination has rows up to seq \(theirs) already" : nil
        case .upTo: (from, note) = (ours, nil)
        }
        guard from <= pinned else {
            throw PipelineError(
                .destination,
                "the destination has rows up to seq \(from), and this store ends at \(pinned): was the data folder restored from an "
                    + "older backup, or do two installations load under one name?")
        }
        to = pinned
    }
}
