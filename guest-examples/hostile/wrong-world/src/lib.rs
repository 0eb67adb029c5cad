//! A component with an export `run` of another type: it has to be refused when
//! it is uploaded, and not when it is first called.

#[cfg(target_arch = "wasm32")]
mod bindings {
    wit_bindgen::generate!({
        inline: "
            package acme:other@1.0.0;

            world other {
                export run: func(input: string) -> string;
            }
        ",
    });

    struct Other;

    impl Guest for Other {
        fn run(input: String) -> String {
            input
        }
    }

    export!(Other);
}
