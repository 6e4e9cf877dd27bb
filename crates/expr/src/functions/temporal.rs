pub(super) fn resolve(_: &mut super::Call<'_>) -> crate::resolve::Resolved {
    None
}
