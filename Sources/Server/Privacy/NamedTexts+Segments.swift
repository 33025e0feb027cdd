internal import Control
internal import Model

/// Where definitions can name somebody: a saved segment in the values that its condition compares with, and whatever has a
/// description in what is said of it.
extension NamedTexts {
    /// What is saved, naming nobody.
    func redacted(_ draft: SegmentDraft) -> SegmentDraft {
        var redacted = draft
        redacted.name = self.redacted(draft.name)
        redacted.description = self.redacted(draft.description)
        if let tree = try? JSONValue(text: draft.tree) {
            let changed = condition(tree)
            if changed != tree { redacted.tree = changed.text }
        }
        return redacted
    }

    /// A computed column's definition, naming nobody.
    func redacted(_ record: ColumnRecord) -> ColumnRecord {
        var redacted = record
        redacted.description = self.redacted(record.description)
        if let text = record.formula, let json = try? JSONValue(text: text) {
            let changed = self.redacted(formula: json)
            if changed != json { redacted.formula = changed.text }
        }
        return redacted
    }

    /// What is said of an event or a property, naming nobody.
    func redacted(_ note: CatalogueNote) -> CatalogueNote {
        var redacted = CatalogueNote(note.kind, self.redacted(note.name))
        redacted.description = self.redacted(note.description)
        redacted.owner = self.redacted(note.owner)
        (redacted.isMilestone, redacted.isChurnSignal) = (note.isMilestone, note.isChurnSignal)
        redacted.updatedAt = note.updatedAt
        return redacted
    }
}
