//! A filter that does nothing: what a wasm filter costs at all.

#[cfg(target_arch = "wasm32")]
mod filter {
    use proxy_wasm::{
        traits::{Context, HttpContext, RootContext},
        types::ContextType,
    };

    proxy_wasm::main! {{
        proxy_wasm::set_root_context(|_| Box::new(Nothing));
    }}

    struct Nothing;

    impl Context for Nothing {}
    impl HttpContext for Nothing {}

    impl RootContext for Nothing {
        fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
            Some(Box::new(Nothing))
        }

        fn get_type(&self) -> Option<ContextType> {
            Some(ContextType::HttpContext)
        }
    }
}
